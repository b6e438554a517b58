"""A device in the cloud and its copy in AD differ on enabled or compliant.

Source: Microsoft, "Enable device writeback in Microsoft Entra Connect" (a change may take three hours); the
attributes msDS-IsEnabled and msDS-IsCompliant are what AD FS decides access by.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.writeback.writeback_view import WrittenDeviceView

_PAIRS = (("accountEnabled", "msDS-IsEnabled"), ("isCompliant", "msDS-IsCompliant"))

DETECTION = Detection(
    id="writeback.device_writeback_mismatch",
    views=(WrittenDeviceView,),
    title="Device and its copy in AD disagree",
    severity=Severity.HIGH,
    remediation=(
        "The cloud is the authority. Look at the export errors of the AD connector for this device and let a cycle "
        "run; disable the copy in AD by hand if a lost or non-compliant device must not pass AD FS until then. Undo "
        "local changes of the copy."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-device-writeback",),
    suppressed_by=("engine.sync_stopped",),
    known_gaps=(
        "Judged only for tenants of a forest with device_writeback.",
        "A side that does not say (a device that no management service has judged) is not compared.",
    ),
)


def evaluate(view: WrittenDeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires when the two have differed for three hours."""
    device, copy = view.original, next(iter(view.copies), None)
    if device is None or copy is None:
        return None
    differing = [
        (cloud, local)
        for cloud, local in _PAIRS
        if isinstance(device.attributes.get(cloud), bool)
        and isinstance(copy.attributes.get(local), bool)
        and device.attributes[cloud] is not copy.attributes[local]
    ]
    if not differing:
        return None
    since_ms = min(max(device.since_ms(cloud), copy.since_ms(local)) for cloud, local in differing)
    return Verdict(
        summary=f"{device.party.name} and its copy in AD differ on {' and '.join(local for _, local in differing)}",
        since_ms=since_ms,
        open_at_ms=since_ms + context.thresholds.device_writeback_ms,
        keep_open=True,
        subject=device.party.subject(view.key),
        forest=copy.party.forest,
        evidence={
            **{cloud: device.attributes[cloud] for cloud, _ in differing},
            **{local: copy.attributes[local] for _, local in differing},
        },
        counterparts=(copy.party.holder("copy"),),
    )
