"""A computer that ought to join has not written a certificate to userCertificate: it has not even begun.

Source: Microsoft, "How Microsoft Entra device registration works" (hybrid joined, managed environments): the task
Automatic-Device-Join reads the SCP and writes a self-signed certificate, at each sign-in and every hour.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, verdict
from streams.views.device.device_view import DeviceView, Stage

DETECTION = Detection(
    id="hybrid_join.certificate_missing",
    views=(DeviceView,),
    title="No join certificate",
    severity=Severity.LOW,
    remediation=(
        "On the computer run `dsregcmd /status` and look at AD Configuration Test and Client ErrorCode; see that the "
        "task Automatic-Device-Join is enabled and runs, and that the computer reaches a domain controller."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/troubleshoot-hybrid-join-windows-current",),
    alert=None,
    suppressed_by=(),
    false_positives=("Federated and Entra Kerberos joins need no certificate; once registered they are no gap.",),
    known_gaps=(
        "Judged only where forest.hybrid_join is set.",
        "Server Core cannot join and looks like any other server.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a counted computer has neither certificate nor device, a day after it was created."""
    computer = counted(view, context, now_ms)
    if computer is None or not computer.expected or computer.certificates or view.devices:
        return None
    if not context.devices_collected:
        return None  # it may have been registered on a path that needs no certificate
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} has not written a join certificate",
        since_ms=computer.created_ms,
        open_at_ms=computer.created_ms + context.thresholds.pending_stuck_ms,
        stage=Stage.CREATED,
    )
