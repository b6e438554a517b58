"""The next export would delete so much that it comes near, or over, the deletion threshold: said before it runs.

Source: Microsoft, "Microsoft Entra Connect Sync: Prevent accidental deletes" (500 objects by default); Microsoft
Graph, onPremisesAccidentalDeletionPrevention (enabledForCount, enabledForPercentage).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Alert, Context, Detection, Verdict, unless_catching_up
from streams.detections.engine._deletions import leaving_of, told_threshold
from streams.views.tenant import TenantView

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
    ),
    alert=Alert(for_s=60),
    tenant_wide=True,
    suppressed_by=("engine.deletion_threshold_reached",),
    false_positives=(
        "A planned clean-up.",
        "A scope in our settings that is narrower than the engine's: objects out of it look as if they would leave.",
    ),
    known_gaps=("Users, groups and contacts are counted; deletions of devices are not.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from 50 % of the threshold on, and from ten objects on.

    Where it stops the export, it explains why those objects stay; below, nothing holds their deletion back.
    """
    forests = leaving_of(view)
    leaving = sum(number for counts in forests.values() for number in counts.values())
    if leaving < FEWEST or view.sync_enabled is False:
        return None
    prevention = view.synchronization.get("deletion_prevention")
    threshold = view.synchronization.get("deletion_threshold")
    if not isinstance(threshold, int) or threshold <= 0:
        prevention, threshold = None, told_threshold(view) or DEFAULT_THRESHOLD
    of_all = prevention == "enabledForPercentage"
    allowed = threshold * (leaving + view.counted("synced")) / 100 if of_all else threshold
    stops = leaving > allowed and prevention != "disabled"
    percent = int(100 * leaving / allowed)
    severity = next((severity for step, severity in _STEPS if percent >= step), None)
    if severity is None:
        return None
    verdict = Verdict(
        summary=f"The next export would delete {leaving:,} objects in Entra ID, {percent} % of the threshold",
        since_ms=view.since_ms,
        open_at_ms=0,
        severity=severity,
        explains=stops,
        subject=view.subject(),
        evidence={
            "leaving": leaving,
            "percent_of_threshold": percent,
            "stops_the_export": stops,
            "threshold": threshold,
            "prevention": prevention,
            "forests": forests,
        },
    )
    return unless_catching_up(verdict, view.cloud_lags, now_ms)
