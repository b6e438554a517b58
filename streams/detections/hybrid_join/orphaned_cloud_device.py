"""A hybrid device is left in Entra after its computer was deleted in AD.

Source: Microsoft, "Manage stale devices in Microsoft Entra ID": a hybrid device is deleted by synchronisation once
its computer is; what remains blocks nothing and still opens the door of device based Conditional Access.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import CYCLES, holders
from streams.views.device import DeviceView

DETECTION = Detection(
    id="hybrid_join.orphaned_cloud_device",
    views=(DeviceView,),
    title="Device without its computer",
    severity=Severity.MEDIUM,
    remediation=(
        "See why the deletion was not exported (deletion threshold, stopped engine, object out of the connector's "
        "scope). If the computer is gone for good, disable the device in Entra ID, then delete it; where evidence says "
        "autopilot, take it out of Windows Autopilot in Intune first."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/manage-stale-devices",),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped", "engine.deletion_threshold_reached"),
    known_gaps=("Computers deleted before our first reading of AD are not known; their devices show as stale.",),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the computer's deletion, while a device carries its objectGUID."""
    computer = view.computer_deleted
    if computer is None or not view.devices:
        return None
    devices = view.devices
    return Verdict(
        summary=f"{devices[0].party.name} is still in Entra ID, its computer was deleted",
        since_ms=computer.changed_ms,
        open_at_ms=computer.changed_ms + CYCLES * context.cycle_ms,
        subject=devices[0].party.subject(view.key),
        forest=computer.party.forest,
        evidence={
            "waited_cycles": CYCLES,
            "enabled": devices[0].enabled,
            "autopilot": any(each.autopilot for each in devices),
        },
        counterparts=(
            computer.party.holder("deleted"),
            *holders(tuple((each, "left_behind") for each in devices)),
        ),
    )
