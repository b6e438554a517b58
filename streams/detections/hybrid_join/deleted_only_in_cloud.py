"""A device was deleted in Entra while its computer lives, has its certificate and is in scope.

Source: Microsoft, "Manage stale devices in Microsoft Entra ID": Entra Connect creates it again, as pending; Cloud
Sync does not until the AD object changes.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import counted, deleted_by_whom, has_valid_certificate, verdict
from streams.directory.soft_deletion import newest_deletion
from streams.views.device.device_view import DeviceView, Stage

DETECTION = Detection(
    id="hybrid_join.deleted_only_in_cloud",
    views=(DeviceView,),
    title="Device deleted in the cloud only",
    severity=Severity.MEDIUM,
    remediation=(
        "Where the evidence says restorable, restore the device (Graph: directory/deletedItems/<id>/restore) before "
        "restorable_until; it comes back as registered as it was. Otherwise, with Cloud Sync touch the computer in "
        "Active Directory (its description), so that it is exported again; then run `dsregcmd /leave` as SYSTEM on the "
        "computer and restart it."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/manage-stale-devices",),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped"),
    known_gaps=(
        (
            "Deletions from before our first reading of the tenant show as not_synced, unless Entra keeps the device "
            "among its deleted items; Microsoft's pages disagree on whether it keeps hybrid devices."
        ),
        "Who deleted it is shown for 30 days, where the audit log is read.",
    ),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the deletion, while nothing has taken the device's place."""
    computer = counted(view, context, now_ms)
    if computer is None or view.devices or not view.deleted or not context.devices_collected:
        return None
    if not has_valid_certificate(computer, now_ms):
        return None
    deleted_by = sorted({by for each in view.deleted if (by := deleted_by_whom(view, each)) is not None})
    since_ms = max(computer.waits_since_ms(now_ms), *(each.changed_ms for each in view.deleted))
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"The device of {computer.party.name} was deleted in Entra ID and has not come back",
        since_ms=since_ms,
        open_at_ms=since_ms + context.patience_ms,
        keep_open=True,
        stage=Stage.CERTIFICATE,
        evidence={
            "was_registered": any(not each.pending for each in view.deleted),
            "deleted_by": deleted_by or None,
            **newest_deletion(each.deletion for each in view.deleted),
        },
        roles=tuple((each, "deleted") for each in view.deleted),
    )
