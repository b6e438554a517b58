"""A changed password did not reach Entra ID: password hash synchronisation reports a failure for this user.

Source: Microsoft, "Troubleshoot password hash synchronization with Microsoft Entra Connect Sync": event 657 (result
for each user); Microsoft Graph, user.lastPasswordChangeDateTime. Microsoft alerts on no failure of a single user.
"""

from __future__ import annotations

from streams.contracts.account_control import is_enabled
from streams.contracts.events import Result
from streams.contracts.finding import Severity
from streams.contracts.times import filetime_ms, rfc3339, time_in
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import told_of
from streams.views.identity.object_view import UserView

_RESULT = "directory synchronization/657"
# Without the cloud's own time only a result soon after the change is believed: switching password writeback on
# sends old passwords again.
_SOON_MS = 86_400_000
_CLOCKS_MS = 60_000

DETECTION = Detection(
    id="engine.password_hash_sync_failed",
    views=(UserView,),
    title="A user's new password did not reach Entra ID",
    severity=Severity.HIGH,
    remediation=(
        "Run Invoke-ADSyncDiagnostics -PasswordSync for the user on the Connect server: it tells the status of the "
        "object (not exported yet, filtered by the target, no connector). Repair that, then let the user change the "
        "password once more, or trigger a full password synchronisation of the forest."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-password-hash-synchronization",
    ),
    suppressed_by=("engine.sync_stopped",),
    false_positives=("A user whose sign-in is federated and whose hash is only a reserve.",),
    known_gaps=(
        "Needs the Application log of the Connect server: no event, no finding.",
        "A change for which neither a request (656) nor a result (657) was logged is not seen.",
        "A result is remembered for seven days.",
    ),
    only_if=told_of,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for a failure newer than the password, if the cloud does not show the change either.

    Patience (password_retry_s) counts from the change: each try fails anew, and would begin it anew.
    """
    ours = view.in_scope
    result = next((event for event in reversed(view.events) if event.name == _RESULT), None)
    if len(ours) != 1 or not view.entra or result is None or result.result is not Result.FAILURE:
        return None
    side, cloud = ours[0], view.entra[0]
    set_ms = filetime_ms(side.attributes.get("pwdLastSet"))
    if set_ms is None or is_enabled(side.attributes.get("userAccountControl")) is False:
        return None
    cloud_ms = time_in(cloud.attributes, "lastPasswordChangeDateTime", 0)
    if result.ts_ms < set_ms - _CLOCKS_MS or cloud_ms >= set_ms - _CLOCKS_MS:
        return None
    if not cloud_ms and result.ts_ms - set_ms > _SOON_MS:
        return None
    return Verdict(
        summary=f"The password that {side.party.name} set at {rfc3339(set_ms)} did not reach Entra ID",
        since_ms=set_ms,
        open_at_ms=set_ms + context.thresholds.password_retry_ms,
        keep_open=True,
        subject=side.party.subject(view.key),
        forest=side.party.forest,
        evidence={
            "password_set": rfc3339(set_ms),
            "server": result.server,
            "reason": result.reason,
            "password_in_cloud": rfc3339(cloud_ms) if cloud_ms else None,
        },
        counterparts=(side.party.holder("changed", ("pwdLastSet",)), cloud.party.holder("left_behind")),
    )
