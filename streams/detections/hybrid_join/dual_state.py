"""One computer is in Entra twice: hybrid joined, and registered by a user who added a work account.

Source: Microsoft, "Plan your Microsoft Entra hybrid join implementation", handling devices with Microsoft Entra
registered state: Windows 10 1803 and later cleans up when that user signs in.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.matching import HYBRID
from streams.views.device.host_view import HostView

DETECTION = Detection(
    id="hybrid_join.dual_state",
    views=(HostView,),
    title="Hybrid joined and registered at once",
    severity=Severity.LOW,
    remediation=(
        "Let the user of the registered device sign in to the computer, which removes it; else disconnect the work "
        "account there. Set BlockAADWorkplaceJoin to 1 by policy, so that it does not come again."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/hybrid-join-plan",),
    alert=None,
    false_positives=("A private computer that happens to have the same name.",),
    known_gaps=("The two are joined by name: Graph shows no other common mark.",),
)


def evaluate(view: HostView, context: Context, now_ms: int) -> Verdict | None:
    """Fires once a hybrid and a registered (Workplace) device of one name have both been there for pending_stuck_s."""
    hybrid, registered = view.of_trust(HYBRID), view.of_trust("Workplace")
    if not hybrid or not registered:
        return None
    computer = next(iter(view.computers), None)
    party = computer or hybrid[0].party
    since_ms = max(each.since_ms for each in (*hybrid, *registered))
    return Verdict(
        summary=f"{view.name} is hybrid joined and registered {len(registered)} time(s) as well",
        since_ms=since_ms,
        open_at_ms=since_ms + context.thresholds.pending_stuck_ms,
        subject=party.subject(view.key),
        forest=computer.forest if computer is not None else None,
        evidence={
            "registered": len(registered),
            "managed": sum(1 for each in registered if each.managed),
            "device_ids": sorted(each.device_id for each in (*hybrid, *registered))[:20],
        },
        counterparts=(
            *(each.party.holder("hybrid") for each in hybrid),
            *(each.party.holder("registered") for each in registered),
        ),
    )
