"""A device of the cloud has no copy in AD, where devices are written back.

Source: Microsoft, "Enable device writeback in Microsoft Entra Connect": a device may take three hours to appear.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.writeback.writeback_view import WrittenDeviceView

DETECTION = Detection(
    id="writeback.device_writeback_missing",
    views=(WrittenDeviceView,),
    title="Device is not written back to AD",
    severity=Severity.MEDIUM,
    remediation=(
        "Look at the export of the AD connector for this device. If many are missing: check that device writeback is "
        "enabled in Entra Connect, that CN=RegisteredDevices exists and the connector's account may write there, and "
        "that msDS-DeviceLocation of the DeviceRegistrationService points at it."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-device-writeback",),
    suppressed_by=("engine.sync_stopped",),
    false_positives=("A device that a filter of the engine leaves out.",),
    known_gaps=("Judged only for tenants of a forest with device_writeback; Cloud Sync does not write devices.",),
)


def evaluate(view: WrittenDeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires three hours after a device was registered, or after its copy went away."""
    device = view.original
    if device is None or view.copies or context.feature("deviceWritebackEnabled") is False:
        return None
    if not device.attributes.get("registrationDateTime"):  # pending: it is in AD as a computer, and not yet a device
        return None
    since_ms = max([device.since_ms("registrationDateTime"), *(side.changed_ms for side in view.gone)])
    return Verdict(
        summary=f"{device.party.name} is registered in Entra ID and has no copy in AD",
        since_ms=since_ms,
        open_at_ms=since_ms + context.thresholds.device_writeback_ms,
        keep_open=True,
        subject=device.party.subject(view.key),
        evidence={"trust_type": device.attributes.get("trustType"), "was_there": bool(view.gone)},
    )
