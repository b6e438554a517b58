"""A synchronisation cycle takes longer than this tenant's usual one, and there is evidence that it is running.

While it runs, whatever is late is late because of it. It must never hide a stopped engine: evidence is worth nothing
once it is old, once the cycle has ended without a synchronisation, or once nobody's cycle takes that long.

Sources: Microsoft, "Microsoft Entra Connect Sync: Scheduler" (a full cycle after a change of rules or scope takes
hours; the next one starts when it ends); Microsoft Graph, organization.onPremisesLastSyncDateTime.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.engine.sync_stopped import usual_cycle_ms
from streams.views.installation.runs import ServerRuns
from streams.views.installation.server_view import short_name
from streams.views.installation.tenant_view import TenantView

# In half cycles: symptoms are late after two cycles, so it must be known before.
LONG_HALVES = 3
# In cycles, how long evidence lasts, and since the last synchronisation: an engine that stops midway is found after it.
WRITES_LAST, WRITES_AT_MOST = 1, 8
RUNS_LAST, RUNS_AT_MOST = 2, 24
# The end of an export and the tenant's new time of synchronisation are told by different ways: a sixth of a cycle.
_TOLD_WITHIN = 6

DETECTION = Detection(
    id="engine.long_cycle",
    views=(TenantView,),
    title="A synchronisation cycle takes longer than usual",
    severity=Severity.LOW,
    remediation=(
        "Let it end: a full synchronisation after a change of rules, scope or version takes hours, and a delta after a "
        "bulk import may. If nobody started one, look at the run that the evidence names in the Synchronization "
        "Service Manager, and at the load of the Connect server and its database."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-scheduler",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-performance-factors",
    ),
    alert=Alert(for_s=7200),
    tenant_wide=True,
    false_positives=("A full synchronisation that was planned.",),
    known_gaps=(
        "A single silent run of more than two usual cycles looks like a stopped engine where no heartbeat is shipped.",
        "Without the server's log, exports that break off count as one long cycle, for eight usual ones at most.",
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires one and a half usual cycles after the last synchronisation, while somebody still writes or runs in full.

    Without a word of the tenant: when a cycle has gone on for one and a half times the usual by its server's own log.
    """
    return _by_the_tenant(view, context, now_ms) or _by_the_log(view, context, now_ms)


def _by_the_tenant(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    if view.sync_enabled is not True or view.last_sync_ms is None or view.read_ms is None:
        return None
    synced_ms, cycle_ms = view.last_sync_ms, usual_cycle_ms(view, context)
    if 2 * (view.read_ms - synced_ms) < LONG_HALVES * cycle_ms:
        return None
    # What is logged sooner may belong to the cycle that the tenant has told of.
    begun_ms = synced_ms + cycle_ms // 2
    ours = {name: runs for name, runs in view.runs.items() if _synchronises(view, name, synced_ms - cycle_ms)}
    if any(_over(runs, begun_ms, view.read_ms - cycle_ms // _TOLD_WITHIN) for runs in ours.values()):
        return None
    running = {name: runs for name, runs in ours.items() if runs.is_running and runs.begun_ms > synced_ms}
    evidence_ends_ms = [_run_is_evidence_until(runs, synced_ms, cycle_ms, cycle_ms) for runs in running.values()]
    if _wrote_before_reading(view, begun_ms, view.read_ms):
        evidence_ends_ms.append(min(view.writes_ms[-1] + WRITES_LAST * cycle_ms, synced_ms + WRITES_AT_MOST * cycle_ms))
    ends_ms = max(evidence_ends_ms, default=now_ms)
    if now_ms >= ends_ms:
        return None
    return Verdict(
        summary=f"The cycle since {rfc3339(synced_ms)} takes longer than the usual {cycle_ms // 1000} s",
        since_ms=synced_ms + cycle_ms,
        open_at_ms=0,
        recheck_at_ms=ends_ms,
        subject=view.subject(),
        evidence={
            "last_sync": rfc3339(synced_ms),
            "usual_cycle_s": cycle_ms // 1000,
            "servers": sorted({server for ts_ms, server in view.exports if ts_ms >= begun_ms} | set(running)),
            "latest_run": {name: _described(runs) for name, runs in running.items()},
            "last_cycle_s": _lengths(ours),
        },
    )


def _by_the_log(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Whatever the tenant tells, or tells no more: its reading may be refused, or late."""
    if view.sync_enabled is not True and view.read_ms is not None:
        return None
    cycle_ms = usual_cycle_ms(view, context)
    going_on = {
        name: runs
        for name, runs in sorted(view.runs.items())
        if _goes_on(runs, view.last_sync_ms) and _synchronises(view, name, runs.begun_ms - RUNS_AT_MOST * cycle_ms)
    }
    verdicts = (_of_the_run(view, name, runs, cycle_ms, now_ms) for name, runs in going_on.items())
    return min((each for each in verdicts if each is not None), key=lambda each: each.open_at_ms or 0, default=None)


def _of_the_run(view: TenantView, name: str, runs: ServerRuns, cycle_ms: int, now_ms: int) -> Verdict | None:
    """Of one server's cycle by its own log; None once that is no evidence any more."""
    begun_ms, usual_ms = runs.begun_ms, max(cycle_ms, runs.last_cycle_ms)
    long_ms = begun_ms + LONG_HALVES * usual_ms // 2
    ends_ms = _run_is_evidence_until(runs, view.last_sync_ms or begun_ms, usual_ms, cycle_ms)
    if max(now_ms, long_ms) >= ends_ms:
        return None
    return Verdict(
        summary=f"The {_kind(runs)} cycle of {name} since {rfc3339(begun_ms)} takes longer than {usual_ms // 1000} s",
        since_ms=begun_ms + usual_ms,
        open_at_ms=long_ms,
        recheck_at_ms=ends_ms,
        subject=view.subject(),
        evidence={
            "last_sync": rfc3339(view.last_sync_ms) if view.last_sync_ms else None,
            "usual_cycle_s": cycle_ms // 1000,
            "servers": [name],
            "latest_run": {name: _described(runs)},
            "last_cycle_s": _lengths({name: runs}),
        },
    )


def _run_is_evidence_until(runs: ServerRuns, from_ms: int, usual_ms: int, cycle_ms: int) -> int:
    """How long a running cycle proves that the engine works: a full run says nothing for hours, its service does."""
    alive_ms = max(runs.begun_ms, runs.alive_ms)
    return min(alive_ms + RUNS_LAST * usual_ms, from_ms + RUNS_AT_MOST * cycle_ms)


def _wrote_before_reading(view: TenantView, begun_ms: int, read_ms: int) -> bool:
    """Whether this cycle has written, and the tenant was read since: a write is told sooner than the synchronisation
    that it may belong to.
    """
    return any(begun_ms <= wrote_ms <= read_ms for wrote_ms in view.writes_ms)


def _goes_on(runs: ServerRuns, synced_ms: int | None) -> bool:
    """Whether the latest cycle runs. A tenant that was synchronised since has seen its end, though its log may not."""
    return runs.is_running and not _broken_off(runs, runs.begun_ms) and (synced_ms or 0) < runs.begun_ms


def _broken_off(runs: ServerRuns, begun_ms: int) -> bool:
    return runs.failed is not None and runs.failed.ts_ms >= begun_ms


def _described(runs: ServerRuns) -> str:
    return f"{_kind(runs)} cycle since {rfc3339(runs.begun_ms)}"


def _kind(runs: ServerRuns) -> str:
    return "initial" if runs.full else "delta"


def _lengths(servers: Mapping[str, ServerRuns]) -> dict[str, int]:
    """Of each server: how long (s) its last ended cycle took, where its log measures it."""
    return {name: runs.last_cycle_ms // 1000 for name, runs in servers.items() if runs.last_cycle_ms}


def _synchronises(view: TenantView, name: str, since_ms: int) -> bool:
    """Whether this server exports to Entra ID: one in staging mode runs cycles as well, and means nothing.

    What it wrote by the audit log proves it, which knows no domain; else what its own log tells of an export, if no
    other server claims that.
    """
    wrote = short_name(name)
    alone = [wrote] == [each for each in map(short_name, view.runs) if each == wrote]
    if alone and any(ts_ms >= since_ms for ts_ms, server in view.exports if server == wrote):
        return True
    exporting = [server for server, runs in view.runs.items() if runs.exported_ms >= since_ms and not runs.stages]
    return exporting == [name]


def _over(runs: ServerRuns, begun_ms: int, told_ms: int) -> bool:
    """Whether this server's cycle has ended, or was broken off, and the tenant ought to have told of it."""
    return _broken_off(runs, begun_ms) or begun_ms <= runs.ended_ms <= told_ms
