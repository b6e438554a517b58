"""A computer has certificates, but none that synchronisation accepts: its device is filtered out and deleted.

Source: Microsoft, "Understanding Microsoft Entra Connect 1.4.xx.x and device disappearance": valid is a certificate
that has not expired and whose subject begins with CN=<objectGUID> or CN={<objectGUID>}.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, verdict
from streams.views.device.device_view import DeviceView, Stage

DETECTION = Detection(
    id="hybrid_join.certificate_invalid",
    views=(DeviceView,),
    title="Join certificate expired or foreign",
    severity=Severity.MEDIUM,
    remediation=(
        "Run `dsregcmd /leave` as SYSTEM on the computer and restart it: the join task writes a new certificate. "
        "Remove expired values of userCertificate afterwards."
    ),
    references=("https://learn.microsoft.com/troubleshoot/entra/entra-id/user-prov-sync/device-disappearance",),
    known_gaps=(
        "Foreign certificates alone count only where forest.hybrid_join is set or the computer had a device before.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from the moment at which the last join certificate expires; at once where there was none of its own."""
    computer = counted(view, context, now_ms)
    if computer is None or not computer.certificates:
        return None
    certificate = computer.join_certificate
    if certificate is None and not (computer.expected or view.devices or view.deleted):
        return None  # a certificate for another purpose, on a computer that nobody means to join
    ended_ms = certificate.not_after_ms if certificate is not None else None
    device = view.device
    cause = "foreign" if certificate is None else "expired"
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} has no valid join certificate ({cause})",
        since_ms=ended_ms if ended_ms is not None else computer.changed_ms,
        open_at_ms=ended_ms,
        stage=Stage.CREATED,
        evidence={
            "reason": cause,
            "thumbprints": sorted(each.thumbprint for each in computer.certificates)[:15],
            "device": None if device is None else ("pending" if device.pending else "registered"),
        },
        roles=((device, "will_be_deleted"),) if device is not None else (),
    )
