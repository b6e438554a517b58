"""A computer has more certificates than synchronisation exports.

Source: Microsoft, "LargeObject errors caused by userCertificate attribute": at most 15 values; the out-of-box rules
drop the attribute of an object that has more, and a device without certificate is not synchronised.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, verdict
from streams.views.device.device_view import DeviceView

LIMIT = 15

DETECTION = Detection(
    id="hybrid_join.certificate_overflow",
    views=(DeviceView,),
    title="Too many certificates on a computer",
    severity=Severity.MEDIUM,
    remediation=(
        "Remove expired and foreign values of userCertificate; keep the one whose subject is the objectGUID. Then "
        "stop the certificate authority's template from publishing to Active Directory."
    ),
    references=("https://learn.microsoft.com/troubleshoot/entra/entra-id/user-prov-sync/largeobject-errors",),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a counted computer has more than 15 values."""
    computer = counted(view, context, now_ms)
    if computer is None or len(computer.certificates) <= LIMIT:
        return None
    expired = sum(1 for each in computer.certificates if each.readable and not each.covers(now_ms))
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} has {len(computer.certificates)} certificates, {LIMIT} are the most",
        since_ms=computer.changed_ms,
        evidence={"limit": LIMIT, "own": len(computer.own_certificates), "expired": expired},
    )
