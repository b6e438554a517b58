"""A registered hybrid device has not signed in for a long time.

Source: Microsoft, "Manage stale devices in Microsoft Entra ID": the time of the last sign-in is renewed only when it
is older than 14 days, give or take 5, so no policy below 21 days means anything.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.device.device_view import DeviceView

LEAST_MS = 21 * 86_400_000

DETECTION = Detection(
    id="hybrid_join.stale",
    views=(DeviceView,),
    title="Stale hybrid device",
    severity=Severity.LOW,
    remediation=(
        "Disable or delete the computer in Active Directory; synchronisation carries it on. Deleting only the "
        "device in Entra ID brings it back as pending."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/manage-stale-devices",),
    alert=None,
    explained_by=("hybrid_join.orphaned_cloud_device",),
    false_positives=("Computers in storage, on long leave, or used without any Entra sign-in.",),
    known_gaps=("A device without any time of sign-in is not judged: active ones may lack it.",),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires once the last sign-in of an enabled, registered device is older than device_stale_s."""
    device = view.device
    if device is None or device.pending or device.enabled is False or device.signed_in_ms is None:
        return None
    if view.computer_deleted is not None or (view.computer is not None and view.computer.enabled is False):
        return None  # it is on its way out already, or an orphan
    after_ms = max(LEAST_MS, context.thresholds.device_stale_ms)
    party = view.computer.party if view.computer is not None else device.party
    logged = view.last_sign_in
    return Verdict(
        summary=f"{party.name} has not signed in since {rfc3339(device.signed_in_ms)[:10]}",
        since_ms=device.signed_in_ms,
        open_at_ms=device.signed_in_ms + after_ms,
        subject=party.subject(view.key),
        forest=party.forest,
        evidence={
            "last_sign_in": rfc3339(device.signed_in_ms),
            "told_by": "sign_in_log" if logged is not None and logged.ts_ms == device.signed_in_ms else "device",
            "stale_after_days": after_ms // 86_400_000,
            "in_ad": view.computer is not None,
        },
        counterparts=(device.party.holder("stale"),),
    )
