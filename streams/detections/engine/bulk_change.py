"""So many objects wait for the cloud at once that one change in bulk explains them, not thousands of faults.

Source: Microsoft, "Microsoft Entra Connect Sync: factors that influence performance" (7,000 writes in five minutes).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict, unless_catching_up
from streams.detections.engine import deletion_threshold_reached, sync_stopped
from streams.views.installation.tenant_view import TenantView

FEWEST, SHARE_PERCENT = 500, 10

DETECTION = Detection(
    id="engine.bulk_change",
    views=(TenantView,),
    title="A change in bulk is on its way to the cloud",
    severity=Severity.MEDIUM,
    remediation=(
        "Planned (a merger, a new organisational unit, a migration): let it run, and watch the numbers fall. Not "
        "planned, or not falling: compare the scope in our settings with the engine's filtering, and look at the runs "
        "of the Connect server."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-performance-factors",),
    tenant_wide=True,
    false_positives=("A scope in our settings that is wider than the engine's: its objects look missing for ever.",),
    known_gaps=("While it is open, objects missing in the cloud are counted, and not alerted one by one.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires above 500 waiting objects that are more than 10 % of all, of forests that are read whole as the cloud is.

    Not while synchronisation is stopped: that explains whatever waits, and one cause is one finding. Deletions that
    are held back are that finding's.
    """
    if not context.collected or not context.synchronised:
        return None
    if sync_stopped.evaluate(view, context, now_ms) is not None:
        return None
    missing = view.counted("missing")
    held_back = deletion_threshold_reached.evaluate(view, context, now_ms) is not None
    leaving = 0 if held_back else view.counted("leaving_deleted", "leaving_scope")
    waiting = missing + leaving
    total = waiting + view.counted("synced")
    if waiting <= max(FEWEST, SHARE_PERCENT * total / 100):
        return None
    verdict = Verdict(
        summary=f"{waiting:,} of {total:,} objects wait for the cloud",
        since_ms=view.since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"missing": missing, "leaving": leaving, "all": total},
    )
    return unless_catching_up(verdict, view.cloud_lags, now_ms)
