"""A change in Active Directory has not reached Entra ID after two cycles, and nothing of the object has.

Source: Microsoft, "Microsoft Entra Connect Sync: Scheduler" (a delta cycle imports, synchronises and exports).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.conflict._quarantine import HEALS_WITHIN_S
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.flow._lateness import OF_THE_VALUE, drifts_at_ms, pending, verdict
from streams.detections.gates import differs
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView
from streams.views.view import PATIENCE_CYCLES

DETECTION = Detection(
    id="flow.export_overdue",
    views=(UserView, GroupView, ContactView),
    title="Change in AD has not reached Entra ID",
    severity=Severity.MEDIUM,
    remediation=(
        "Look for another finding on the object first: one invalid or oversized attribute holds back all the others. "
        "Otherwise ask the engine for the object's pending export and its error in the Synchronization Service Manager."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-scheduler",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-object-not-syncing",
    ),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped", "engine.bulk_change", "engine.verified_domain_change"),
    explained_by=("flow.export_error", *OF_THE_VALUE),
    lingers_s=HEALS_WITHIN_S,
    false_positives=("A synchronisation rule of your own that fills the attribute from somewhere else.",),
    known_gaps=(
        "A difference is only ever one of three: six cycles after the change it is flow.attribute_drift.",
        "An export since the change that left the attribute out is flow.silent_drop.",
    ),
    only_if=differs,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the oldest change that is still on its way."""
    late = [each for each in pending(view, context) if each.seen and now_ms < drifts_at_ms(each, context)]
    if not late:
        return None
    return verdict(
        view,
        context,
        late,
        "has not reached Entra ID",
        open_at_ms=min(each.since_ms for each in late) + context.patience_ms,
        keep_open=True,
        recheck_at_ms=min(drifts_at_ms(each, context) for each in late),
        evidence={"waited_cycles": PATIENCE_CYCLES},
    )
