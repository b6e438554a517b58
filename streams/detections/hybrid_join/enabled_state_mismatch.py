"""A computer is disabled on one side and enabled on the other.

Source: Microsoft, "Manage device identities": Entra Connect writes the enabled state of hybrid devices from AD at
every cycle, so a difference that lasts means that the export does not arrive.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hybrid_join._gap import verdict
from streams.views.device.device_view import DeviceView

DETECTION = Detection(
    id="hybrid_join.enabled_state_mismatch",
    views=(DeviceView,),
    title="Computer and device disagree on enabled",
    severity=Severity.MEDIUM,
    remediation=(
        "Change the state in Active Directory, which is the authority, and let a cycle run. If it does not arrive, "
        "look at the export errors of the device; disable it in Entra ID by hand if it must not sign in."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/manage-device-identities",),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped"),
    known_gaps=("Counted anew when the computer changes its password (every 30 days).",),
)


def evaluate(view: DeviceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while computer in scope and device have differed for two cycles."""
    computer, device = view.computer, view.device
    if computer is None or device is None or not computer.party.in_scope or computer.domain_controller:
        return None
    if computer.enabled is None or device.enabled is None or computer.enabled == device.enabled:
        return None
    since_ms = max(computer.changed_ms, device.changed_ms)
    words = {True: "enabled", False: "disabled"}
    return verdict(
        view,
        computer,
        context,
        now_ms,
        summary=f"{computer.party.name} is {words[computer.enabled]} in AD and {words[device.enabled]} in Entra ID",
        since_ms=since_ms,
        open_at_ms=since_ms + context.patience_ms,
        keep_open=True,
        evidence={"ad": computer.enabled, "entra": device.enabled},
        roles=((device, words[device.enabled]),),
    )
