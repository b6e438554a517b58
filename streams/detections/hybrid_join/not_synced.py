"""A computer has its join certificate, and two synchronisation cycles later Entra has no device for it.

Source: Microsoft, "Configure Microsoft Entra hybrid join", verification: the device appears as pending after the
cycle that follows the certificate.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, has_valid_certificate, verdict
from streams.views.device.device_view import DeviceView, Stage
from streams.views.view import PATIENCE_CYCLES

DETECTION = Detection(
    id="hybrid_join.not_synced",
    views=(DeviceView,),
    title="Computer ready to join is not synchronised",
    severity=Severity.MEDIUM,
    remediation=(
        "See whether the engine's scope covers the computer's organisational unit and the object type (device "
        "options in Entra Connect; device sync is off by default in Cloud Sync), then look at the export errors."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/how-to-hybrid-join-verify",),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped"),
    false_positives=(
        "A filter of the engine that include_ous and exclude_ous do not repeat.",
        "A computer that came into scope, or was enabled, in the last cycles before we first read the forest.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after certificate or scope made the computer ready, once devices have been read whole."""
    computer = counted(view, context, now_ms)
    if computer is None or view.devices or view.deleted or not context.devices_collected:
        return None
    if not has_valid_certificate(computer, now_ms):
        return None
    since_ms = computer.waits_since_ms(now_ms)
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} has its join certificate and is not in Entra ID",
        since_ms=since_ms,
        open_at_ms=since_ms + context.patience_ms,
        keep_open=True,
        stage=Stage.CERTIFICATE,
        evidence={"waited_cycles": PATIENCE_CYCLES},
    )
