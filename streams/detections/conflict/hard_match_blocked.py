"""A returning AD user's anchor is known in the cloud, but the tenant forbids to take the cloud object over.

Source: Microsoft, "Troubleshoot errors during synchronization", InvalidHardMatch: typically a user who left the
scope, was restored in the cloud, and came back, while blockCloudObjectTakeoverThroughHardMatchEnabled is on.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.directory_object import UserView

FEATURE = "blockCloudObjectTakeoverThroughHardMatchEnabled"

DETECTION = Detection(
    id="conflict.hard_match_blocked",
    views=(UserView,),
    title="Hard match blocked by the tenant",
    severity=Severity.HIGH,
    remediation=(
        "The export fails with InvalidHardMatch each cycle. If both are the same person, lift "
        f"{FEATURE} for one cycle, let it match, and set it again; else clear onPremisesImmutableId of the cloud "
        "object."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",),
    known_gaps=("Silent while the application may not read the tenant's synchronisation features.",),
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while an AD user in scope meets an Entra user of its anchor that is not synchronised."""
    if context.feature(FEATURE) is not True:
        return None
    ours = next((side for side in view.ad if side.party.in_scope), None)
    theirs = next((side for side in view.entra if side.party.synced is not True), None)
    if ours is None or theirs is None:
        return None
    return Verdict(
        summary=f"{ours.party.name} cannot be matched to {theirs.party.name}: hard match is blocked in the tenant",
        since_ms=max(ours.changed_ms, theirs.changed_ms),
        subject=ours.party.subject(view.key),
        forest=ours.party.forest,
        evidence={"source_anchor": ours.party.source_anchor, "feature": FEATURE, "was_synced": theirs.party.synced},
        counterparts=(ours.party.holder("blocked"), theirs.party.holder("keeps", ("onPremisesImmutableId",))),
    )
