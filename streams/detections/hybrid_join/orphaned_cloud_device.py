"""A hybrid device is left in Entra after its computer was deleted in AD.

Source: Microsoft, "Manage stale devices in Microsoft Entra ID": a hybrid device is deleted by synchronisation once
its computer is; what remains blocks nothing and still opens the door of device based Conditional Access.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import holders
from streams.views.device.device_view import CloudDevice, DeviceView
from streams.views.view import PATIENCE_CYCLES

BULK = "engine.orphans_in_bulk"
_CAUSES_OF_WAITING = ("engine.long_cycle", "engine.sync_stopped", "engine.deletion_threshold_reached")

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
    suppressed_by=(*_CAUSES_OF_WAITING, BULK),
    known_gaps=(
        "Devices that no forest has a computer for are told once every [[forest]] of the tenant was read whole.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a device has the objectGUID of a computer that was deleted two cycles ago, or that no forest has."""
    computer, devices = view.computer_deleted, view.devices
    if view.is_orphan:
        if not context.devices_collected or not context.forests_read:
            return None
        since_ms, says = max(each.changed_ms for each in devices), "no forest has its computer"
    elif computer is not None and devices:
        since_ms, says = computer.changed_ms, "its computer was deleted"
    else:
        return None
    return Verdict(
        summary=f"{devices[0].party.name} is still in Entra ID, {says}",
        since_ms=since_ms,
        open_at_ms=since_ms + context.patience_ms,
        keep_open=computer is None,
        suppressed_by=(BULK,) if computer is None else _CAUSES_OF_WAITING,
        subject=devices[0].party.subject(view.key),
        forest=computer.party.forest if computer is not None else None,
        evidence={
            "reason": "no_ad_side" if computer is None else "deleted",
            "waited_cycles": PATIENCE_CYCLES,
            "enabled": devices[0].enabled,
            **_times(devices),
            "autopilot": any(each.autopilot for each in devices),
        },
        counterparts=(
            *((computer.party.holder("deleted"),) if computer is not None else ()),
            *holders(tuple((each, "left_behind") for each in devices)),
        ),
    )


def _times(devices: Sequence[CloudDevice]) -> dict[str, str]:
    """When the device, or the latest of several, was registered and last used."""
    found = {
        "registered": max(each.registered_ms or 0 for each in devices),
        "last_sign_in": max(each.signed_in_ms or 0 for each in devices),
    }
    return {name: rfc3339(ms) for name, ms in found.items() if ms}
