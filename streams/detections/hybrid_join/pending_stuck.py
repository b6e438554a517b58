"""A device has been pending for longer than the join takes: it is synchronised, and the computer never registered.

Source: Microsoft, "Pending devices in Microsoft Entra ID". The join task runs hourly: about 90 minutes from the
certificate to registration are normal while the computer is on.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, verdict
from streams.views.device.device_view import DeviceView, Stage

DETECTION = Detection(
    id="hybrid_join.pending_stuck",
    views=(DeviceView,),
    title="Device stuck in pending",
    severity=Severity.LOW,
    remediation=(
        "On the computer run `dsregcmd /status`: Error Phase and Client ErrorCode name the step. Most often SYSTEM "
        "does not reach enterpriseregistration.windows.net through the proxy, or the TPM refuses to make a key."
    ),
    references=("https://learn.microsoft.com/troubleshoot/entra/entra-id/dir-dmns-obj/pending-devices",),
    alert=None,
    false_positives=("A computer that has been off, or away from the network, since it was synchronised.",),
    known_gaps=(
        "Without the audit log pending counts from the last export, or our first sight: Graph tells no better.",
        "The client's own error code needs its event log (User Device Registration) sent to us.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a device that was never registered has been pending for pending_stuck_s."""
    computer, device = counted(view, context, now_ms), view.device
    if computer is None or device is None or not device.pending:
        return None
    if any(not each.pending for each in view.deleted):
        return None  # re_pended has its own cause and remedy
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} is synchronised and has not registered",
        since_ms=view.pending_since_ms(device),
        open_at_ms=view.pending_since_ms(device) + context.thresholds.pending_stuck_ms,
        keep_open=True,
        stage=Stage.PENDING,
        roles=((device, "pending"),),
    )
