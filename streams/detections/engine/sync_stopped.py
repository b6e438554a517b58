"""The tenant has not been synchronised for several of its own cycles.

Source: Microsoft Graph, organization.onPremisesLastSyncDateTime (advances with every export, changes or not);
Microsoft, "Microsoft Entra Connect Sync: Scheduler". Microsoft's own mail comes after 24 hours.
"""

from __future__ import annotations

from streams.contracts.finding import Severity, Subject
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.directory.engines import CLOUD_SYNC, CONNECT
from streams.reference_data.product_names import ADMIN_CENTRE
from streams.views.installation.tenant_view import TenantView
from streams.views.messages import ServerLives

MISSED_CYCLES = 3


def usual_cycle_ms(view: TenantView, context: Context) -> int:
    """The tenant's usual cycle, as exact as its readings tell it; never below a quarter of the configured one."""
    least_ms = context.sync_interval_ms if CLOUD_SYNC in context.engines else context.sync_interval_ms // 4
    return max(view.cadence_ms(context.sync_interval_ms), least_ms)


DETECTION = Detection(
    id="engine.sync_stopped",
    views=(TenantView,),
    title="Directory synchronisation has stopped",
    severity=Severity.CRITICAL,
    remediation=(
        "Look at the active Connect server: is the ADSync service running, is the scheduler enabled and not "
        "suspended (Get-ADSyncScheduler), is the installation wizard open, does the last run profile say why? For "
        f"Cloud Sync, look at the job in the {ADMIN_CENTRE}. Nothing is lost: a stopped engine catches up."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-scheduler",
        "https://learn.microsoft.com/graph/api/resources/organization",
    ),
    alert=Alert(for_s=300),
    tenant_wide=True,
    suppressed_by=("engine.long_cycle",),
    false_positives=("An upgrade of the Connect server that takes longer than three cycles.",),
    known_gaps=(
        "Judged at each reading of the tenant: our own silence about it is not the engine's.",
        (
            "Beside Cloud Sync: that Entra Connect alone has stopped is told where its server logs signs of life and "
            "event 904; a server that logs nothing any more shows by its late objects."
        ),
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires when at the last reading three usual cycles had been missed. Quiet for tenants that never synced."""
    if view.sync_enabled is not True or view.last_sync_ms is None or view.read_ms is None:
        return None
    cadence_ms = usual_cycle_ms(view, context)
    missed = (view.read_ms - view.last_sync_ms) // cadence_ms
    if missed < MISSED_CYCLES:
        return _connect_alone(view, context)
    name = view.display_name or view.tenant
    return Verdict(
        summary=f"{name} was last synchronised at {rfc3339(view.last_sync_ms)}",
        since_ms=view.last_sync_ms + cadence_ms,
        open_at_ms=0,
        subject=Subject(kind="tenant", key=view.key, display_name=name),
        evidence={
            "last_sync": rfc3339(view.last_sync_ms),
            "usual_cycle_s": cadence_ms // 1000,
            "cycles_seen": len(view.syncs_ms),
        },
    )


def _connect_alone(view: TenantView, context: Context) -> Verdict | None:
    """Beside Cloud Sync, whose work keeps the tenant's last synchronisation young: a server that lives runs no cycle.

    A server in staging mode has no such signs of life; one that runs cycles is enough, whichever it is.
    """
    active = {server: runs for server, runs in view.runs.items() if not runs.stages}
    if CLOUD_SYNC not in context.engines or any(runs.is_running for runs in active.values()):
        return None
    cycles = {server: runs.ended_ms for server, runs in active.items()}
    last_ms = max(cycles.values(), default=0)
    alive = {server: _alive_ms(view.lives.get(server, ServerLives())) for server in cycles}
    server, alive_ms = max(alive.items(), key=lambda each: each[1], default=("", 0))
    told_s = view.synchronization.get("interval_s")
    cycle_ms = max(context.sync_interval_ms, told_s * 1000 if isinstance(told_s, int) else 0)
    if not last_ms or alive_ms - last_ms < MISSED_CYCLES * cycle_ms:
        return None
    return Verdict(
        summary=f"Entra Connect on {server} runs no cycle since {rfc3339(last_ms)}; Cloud Sync goes on",
        since_ms=last_ms + cycle_ms,
        open_at_ms=0,
        subject=Subject(kind="tenant", key=view.key, display_name=view.display_name or view.tenant),
        evidence={
            "last_cycle": rfc3339(last_ms),
            "server": server,
            "engine": CONNECT,
            "engine_known_by": "server_events",
        },
        only=(CONNECT,),
    )


def _alive_ms(lives: ServerLives) -> int:
    return max([lives.writeback_ms, *lives.forests.values()])
