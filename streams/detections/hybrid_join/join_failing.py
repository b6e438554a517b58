"""A computer's own log says that its join fails, for a reason that will not pass by itself.

Source: Microsoft, "Troubleshoot Microsoft Entra hybrid joined devices": phases, codes and what repairs them
(streams.views.device.join_errors).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, verdict
from streams.views.device.device_view import DeviceView
from streams.views.device.join_errors import Course, join_error

_NO_SCP = 0x801C001D

DETECTION = Detection(
    id="hybrid_join.join_failing",
    views=(DeviceView,),
    title="Hybrid join fails on the computer",
    severity=Severity.MEDIUM,
    remediation=(
        "The evidence names the code, what it means and what to do (client_error_action). Many computers with one "
        "code share one cause: a proxy, the service connection point, the identity provider."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/troubleshoot-hybrid-join-windows-current",),
    alert=None,
    suppressed_by=(),
    false_positives=("A laptop whose network answers with a sign-in page of its own, in a hotel for example.",),
    known_gaps=(
        "Needs the computers' event log User Device Registration; without it nothing is judged.",
        "A computer that has not tried for a week is forgotten: its stage has its own findings.",
        "Of a computer whose device is registered, only lasting errors count.",
        "Tries to register with AD FS (drsInstance: ent) are no hybrid join and are not judged.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires at once for errors that last; for those of network and service after a day of nothing else.

    "Not synchronised yet" (0x801c03f2) belongs to a join that goes well. Clears with a success in the log (306) or a
    registration.
    """
    computer, failure = counted(view, context, now_ms), view.join_failure
    if computer is None or failure is None or failure.course is Course.EXPECTED:
        return None
    known = join_error(failure.client_error)
    if known is not None and known.code == _NO_SCP and not computer.expected:
        return None  # every computer of a domain tries; where nobody means to join them there is nothing to find
    passing = failure.course is Course.PASSING
    if passing and view.device is not None and not view.device.pending:
        return None
    stands = view.stage(now_ms, context.thresholds.device_stale_ms)
    unknown = failure.client_error or failure.words or "no code told"
    what = f"{failure.client_error} ({known.meaning})" if known is not None else unknown
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} cannot join: {what}",
        since_ms=failure.since_ms,
        open_at_ms=failure.since_ms + context.thresholds.pending_stuck_ms if passing else failure.since_ms,
        evidence={"stage": str(stands[0]) if stands is not None else None, **failure.evidence},
    )
