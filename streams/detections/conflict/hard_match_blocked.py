"""A returning AD user's anchor is known in the cloud, but the cloud object may not be taken over.

Source: Microsoft, "Troubleshoot errors during synchronization", InvalidHardMatch: typically a user who left the
scope, was restored in the cloud, and came back, while blockCloudObjectTakeoverThroughHardMatchEnabled is on. An
account that holds a directory role is refused whatever the tenant allows (MC1262584; jpazureid/blog
hardmatch-security-hardening.md).
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
        "object. An account that holds a directory role (evidence.cause) is never taken over: take the role from it "
        "for that cycle."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",),
    known_gaps=("Silent while the application may not read the tenant's synchronisation features.",),
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while an AD user in scope meets an Entra user of its anchor that is not synchronised."""
    ours = next((side for side in view.ad if side.party.in_scope), None)
    theirs = next((side for side in view.entra if side.party.synced is not True), None)
    if ours is None or theirs is None:
        return None
    privileged = theirs.party.id in (context.privileged_ids or ())
    if not privileged and context.feature(FEATURE) is not True:
        return None
    why = f"{theirs.party.name} holds a directory role" if privileged else "hard match is blocked in the tenant"
    return Verdict(
        summary=f"{ours.party.name} cannot be matched to {theirs.party.name}: {why}",
        since_ms=max(ours.changed_ms, theirs.changed_ms),
        subject=ours.party.subject(view.key),
        forest=ours.party.forest,
        evidence={
            "source_anchor": ours.party.source_anchor,
            "cause": "role" if privileged else "tenant",
            "feature": FEATURE,
            "was_synced": theirs.party.synced,
        },
        counterparts=(ours.party.holder("blocked"), theirs.party.holder("keeps", ("onPremisesImmutableId",))),
        explains_in=view.references(),
    )
