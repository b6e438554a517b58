"""Several devices go by one name: an older life of the computer was left behind.

Source: Microsoft, "Microsoft Entra device management FAQ", duplicate device entries: reimaging, unjoin and rejoin,
a new computer account under the old name. MicrosoftDocs/memdocs, pull request 2408: a computer that Windows
Autopilot hybrid joins has an Autopilot object beside its hybrid device; for how long both stay is documented nowhere.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.matching import HYBRID
from streams.views.device.host_view import HostView, NamedDevice

DETECTION = Detection(
    id="hybrid_join.duplicate_device",
    views=(HostView,),
    title="Several devices of one name",
    severity=Severity.LOW,
    remediation=(
        "Keep the device whose deviceId is the objectGUID of the living computer (role: current); disable the "
        "others in Entra ID, and delete them once nothing is missed. Never delete a device with a Windows Autopilot "
        "registration ([ZTDID] in physicalIds) there: take it out of Autopilot in Intune first."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/faq",),
    alert=None,
    false_positives=("An Entra joined and a hybrid joined computer that share a name on purpose.",),
    known_gaps=("Computers are told apart by name and deviceId; a renamed one is found once its new name arrives.",),
)


def evaluate(view: HostView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while joined devices of one name outnumber the living computers behind them, two cycles after the last."""
    joined = [each for each in view.of_trust(HYBRID, "AzureAd") if not each.autopilot or _is_current(each, view)]
    if len(joined) < 2 or not any(each.trust == HYBRID for each in joined):
        return None
    left = [each for each in joined if not _is_current(each, view)]
    if not left:
        return None  # computers of one name in several forests
    current = [each for each in joined if _is_current(each, view)]
    computer = next(iter(view.computers), None)
    # Before every forest was read a computer may stand behind each.
    since_ms = max(each.since_ms if context.forests_read else each.changed_ms for each in joined)
    party = computer or joined[0].party
    return Verdict(
        summary=f"{view.name} is in Entra ID {len(joined)} times, {len(left)} of them without a living computer",
        since_ms=since_ms,
        open_at_ms=since_ms + context.patience_ms,
        keep_open=True,
        subject=party.subject(view.key),
        forest=computer.forest if computer is not None else None,
        evidence={
            "devices": len(joined),
            "left_behind": sorted(each.device_id for each in left)[:20],
            "last_sign_ins": {each.device_id: each.signed_in for each in joined[:20] if each.signed_in},
        },
        counterparts=(
            *(each.party.holder("current") for each in current),
            *(each.party.holder("left_behind") for each in left),
        ),
    )


def _is_current(device: NamedDevice, view: HostView) -> bool:
    """Whether a living computer stands behind the device."""
    return any(computer.id == device.device_id for computer in view.computers)
