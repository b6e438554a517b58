"""A device that was registered is pending again: it was deleted in Entra and synchronised anew.

Source: Microsoft, "Pending devices in Microsoft Entra ID": the organisational unit left the scope and came back, or
somebody deleted the device; the computer still takes itself for registered and does not register again.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, deleted_by_whom, verdict
from streams.views.device.device_view import DeviceView, Stage

DETECTION = Detection(
    id="hybrid_join.re_pended",
    views=(DeviceView,),
    title="Registered device is pending again",
    severity=Severity.MEDIUM,
    remediation=(
        "Run `dsregcmd /leave` as SYSTEM on the computer and restart it; it registers at the next sign-in. Many at "
        "once: find out which organisational unit left the scope of synchronisation and came back."
    ),
    references=("https://learn.microsoft.com/troubleshoot/entra/entra-id/dir-dmns-obj/pending-devices",),
    known_gaps=(
        "Registrations from before our first reading are known only where Entra keeps the device among deleted items.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the new device appeared: the join task, run hourly, may have helped itself by then."""
    computer, device = counted(view, context, now_ms), view.device
    before = [each for each in view.deleted if not each.pending]
    if computer is None or device is None or not device.pending or not before:
        return None
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} was registered and is pending again",
        since_ms=view.pending_since_ms(device),
        open_at_ms=view.pending_since_ms(device) + context.patience_ms,
        keep_open=True,
        stage=Stage.PENDING,
        evidence={
            "registered_before": len(before),
            "deleted_by": sorted({by for each in before if (by := deleted_by_whom(view, each)) is not None}) or None,
        },
        roles=((device, "pending"), *((each, "deleted") for each in before)),
    )
