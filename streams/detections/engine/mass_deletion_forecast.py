"""The next export would delete so much that it comes near, or over, the deletion threshold: said before it runs.

Source: Microsoft, "Microsoft Entra Connect Sync: Prevent accidental deletes" (500 objects by default); Microsoft
Graph, onPremisesAccidentalDeletionPrevention (enabledForCount, enabledForPercentage).
"""

from __future__ import annotations

from typing import NamedTuple

from streams.contracts.finding import Severity
from streams.detections.detection import Alert, Context, Detection, Verdict, unless_catching_up
from streams.detections.engine._deletions import leaving_by_engine, leaving_of, told_threshold
from streams.directory.engines import CLOUD_SYNC, CONNECT, EITHER, engine_said, in_use
from streams.views.installation.tenant_view import TenantView

DEFAULT_THRESHOLD = 500
FEWEST = 10
_STEPS = ((100, Severity.CRITICAL), (80, Severity.HIGH), (50, Severity.MEDIUM))

DETECTION = Detection(
    id="engine.mass_deletion_forecast",
    views=(TenantView,),
    title="The next export would delete very many objects",
    severity=Severity.HIGH,
    remediation=(
        "Compare with what was planned. Unplanned: stop the scheduler now (Set-ADSyncScheduler -SyncCycleEnabled "
        "$false), restore the objects from the recycle bin or move the organisational unit back into scope, and only "
        "then synchronise. Planned: at 100 % the export stops until the threshold is lifted for one run."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-prevent-accidental-deletes",
        "https://learn.microsoft.com/graph/api/resources/onpremisesaccidentaldeletionprevention",
        "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/how-to-accidental-deletes",
        "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/concept-attributes",
        "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/how-to-inbound-synch-ms-graph",
    ),
    alert=Alert(for_s=60),
    tenant_wide=True,
    suppressed_by=("engine.deletion_threshold_reached",),
    false_positives=(
        "A planned clean-up.",
        "A scope in our settings that is narrower than the engine's: objects out of it look as if they would leave.",
    ),
    known_gaps=(
        "Users, groups and contacts are counted; deletions of devices are not.",
        (
            "Cloud Sync holds back each of its configurations by a threshold of its own: all deletions are compared "
            "with the smallest. Beside Entra Connect each engine has a count of its own, and what is of neither for "
            "sure counts for both."
        ),
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from 50 % of the threshold on, and from ten objects on.

    Where it stops the export, it explains why those objects stay; below, nothing holds their deletion back.
    """
    forests = leaving_of(view, context)
    total = sum(number for counts in forests.values() for number in counts.values())
    if total < FEWEST or view.sync_enabled is False:
        return None
    engine, known = _engine(view, context), leaving_by_engine(view, context)
    if engine["engine"] == EITHER:
        # What is nobody's for sure counts for both: a forecast errs on this side.
        unknown = total - sum(known.values())
        limit = max(
            (_limit(view, name, known.get(name, 0) + unknown) for name in (CONNECT, CLOUD_SYNC)),
            key=lambda each: each.percent,
        )
        if not unknown:
            engine = {"engine": limit.engine, "engine_known_by": "setting"}
    else:
        limit = _limit(view, engine["engine"], total)
    percent = limit.percent
    severity = next((severity for step, severity in _STEPS if percent >= step), None)
    if severity is None or limit.leaving < FEWEST:
        return None
    verdict = Verdict(
        summary=f"The next export would delete {limit.leaving:,} objects in Entra ID, {percent} % of the threshold",
        since_ms=view.since_ms,
        open_at_ms=0,
        severity=severity,
        explains=limit.stops,
        only=(engine["engine"],) if engine["engine_known_by"] == "setting" else (),
        subject=view.subject(),
        evidence={
            "leaving": limit.leaving,
            "percent_of_threshold": percent,
            "stops_the_export": limit.stops,
            "threshold": limit.threshold,
            "threshold_known_by": limit.known_by,
            **engine,
            "prevention": limit.prevention,
            "forests": forests,
            "leaving_by_engine": dict(sorted(known.items())),
        },
    )
    return unless_catching_up(verdict, view.cloud_lags, now_ms)


class _Limit(NamedTuple):
    """How near an engine comes to its threshold."""

    engine: str
    leaving: int
    threshold: int
    known_by: str
    prevention: str | None
    percent: int
    stops: bool


def _limit(view: TenantView, engine: str, leaving: int) -> _Limit:
    prevention = view.synchronization.get("deletion_prevention")
    threshold, known_by = view.synchronization.get("deletion_threshold"), "setting_of_the_tenant"
    if engine == CLOUD_SYNC:  # each of its configurations has one of its own
        prevention, threshold, known_by = _of_cloud_sync(view, prevention, threshold)
    if not isinstance(threshold, int) or threshold <= 0:
        told = told_threshold(view) if engine != CLOUD_SYNC else None
        prevention, threshold, known_by = None, told or DEFAULT_THRESHOLD, "server_events" if told else "default"
    of_all = prevention == "enabledForPercentage"
    allowed = threshold * (leaving + view.counted("synced")) / 100 if of_all else threshold
    # Cloud Sync lets one fewer through than its threshold.
    of_a_job = engine == CLOUD_SYNC and prevention is None
    stops = (leaving > allowed or (of_a_job and leaving == allowed)) and prevention != "disabled"
    return _Limit(engine, leaving, threshold, known_by, prevention, int(100 * leaving / allowed), stops)


def _of_cloud_sync(
    view: TenantView, prevention: str | None, of_tenant: object
) -> tuple[str | None, int | None, str]:
    """The smallest of its jobs' thresholds, or the tenant's, set from Entra Connect, which stops its exports, too.

    Source: Microsoft, "Troubleshoot Cloud Sync", object deletion threshold ("if you completely moved from … Connect").
    """
    of_jobs = _least_of_jobs(view)
    least = of_jobs or DEFAULT_THRESHOLD
    if prevention == "enabledForCount" and isinstance(of_tenant, int) and 0 < of_tenant < least:
        return prevention, of_tenant, "setting_of_the_tenant"
    return None, of_jobs, "service_principal_job"


def _least_of_jobs(view: TenantView) -> int | None:
    """The smallest threshold of the jobs of Cloud Sync, as far as they tell."""
    told = (job.get("deletion_threshold") for job in view.jobs or () if in_use(job))
    return min((number for number in told if isinstance(number, int) and number > 0), default=None)


def _engine(view: TenantView, context: Context) -> dict[str, str]:
    """Which engine would run that export: by the tenant, else by servers whose logs or writes are seen."""
    engines = dict(context.engines)
    if CONNECT not in engines and (view.runs or view.exports):
        engines[CONNECT] = "server_events" if view.runs else "audits"
    return engine_said(engines)
