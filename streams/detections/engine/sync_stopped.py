"""The tenant has not been synchronised for several of its own cycles.

Source: Microsoft Graph, organization.onPremisesLastSyncDateTime (advances with every export, changes or not);
Microsoft, "Microsoft Entra Connect Sync: Scheduler". Microsoft's own mail comes after 24 hours.
"""

from __future__ import annotations

from streams.contracts.finding import Severity, Subject
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.reference_data.product_names import ADMIN_CENTRE
from streams.views.tenant import TenantView

MISSED_CYCLES = 3


def usual_cycle_ms(view: TenantView, context: Context) -> int:
    """The tenant's usual cycle, as exact as its readings tell it; never below a quarter of the configured one."""
    return max(view.cadence_ms(context.sync_interval_ms), context.sync_interval_ms // 4)


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
    known_gaps=("Judged at each reading of the tenant: our own silence about it is not the engine's.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires when at the last reading three usual cycles had been missed. Quiet for tenants that never synced."""
    if view.sync_enabled is not True or view.last_sync_ms is None or view.read_ms is None:
        return None
    cadence_ms = usual_cycle_ms(view, context)
    missed = (view.read_ms - view.last_sync_ms) // cadence_ms
    if missed < MISSED_CYCLES:
        return None
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
