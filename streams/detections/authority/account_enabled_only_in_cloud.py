"""Disabled or expired in Active Directory, and still enabled in Entra ID: a leaver who can still sign in.

Source: Microsoft, "Implement password hash synchronization with Microsoft Entra Connect Sync": accountExpires is not
synchronised, an account that expired in Active Directory stays usable in Entra ID. [MS-ADTS] 2.2.16
(userAccountControl, ADS_UF_ACCOUNTDISABLE), accountExpires (FILETIME; 0 and 2^63-1: never).
"""

from __future__ import annotations

from streams.contracts.account_control import is_enabled
from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import in_cloud
from streams.views.identity.object_view import UserView
from streams.views.sides import Side

_NEVER = 0x7FFFFFFFFFFFFFFF
# 1601-01-01 to 1970-01-01 in milliseconds: where FILETIME begins.
_FILETIME_EPOCH_MS = 11_644_473_600_000

DETECTION = Detection(
    id="authority.account_enabled_only_in_cloud",
    views=(UserView,),
    title="Disabled or expired in AD, enabled in Entra ID",
    severity=Severity.HIGH,
    remediation=(
        "Expired: Entra ID does not know expiry dates; disable the account in Active Directory too, which is "
        "synchronised. Disabled: find out why the change did not arrive (export errors, a custom rule on "
        "accountEnabled), and block the sign-in in Entra ID meanwhile."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-password-hash-synchronization",
    ),
    suppressed_by=("engine.sync_stopped",),
    explained_by=("flow.export_error",),
    false_positives=("Linked or shared mailboxes whose sign-in is enabled in the cloud by a custom rule.",),
    only_if=in_cloud,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires at once for an expired account, after two cycles for a disabled one."""
    cloud = next((s for s in view.entra if s.party.synced is True and s.attributes.get("accountEnabled") is True), None)
    ours = view.in_scope
    if cloud is None or len(ours) != 1:
        return None
    side = ours[0]
    expires_ms = _expires_ms(side)
    if is_enabled(side.attributes.get("userAccountControl")) is False:
        reason, since_ms, open_at_ms = "disabled", side.changed_ms, side.changed_ms + context.patience_ms
    elif expires_ms is not None:
        reason, since_ms, open_at_ms = "expired", expires_ms, expires_ms
    else:
        return None
    return Verdict(
        summary=f"{side.party.name} is {reason} in Active Directory and enabled in Entra ID",
        since_ms=since_ms,
        open_at_ms=open_at_ms,
        keep_open=reason == "disabled",
        subject=side.party.subject(view.key),
        forest=side.party.forest,
        evidence={"reason": reason},
        counterparts=(
            side.party.holder(reason, ("userAccountControl" if reason == "disabled" else "accountExpires",)),
            cloud.party.holder("enabled", ("accountEnabled",)),
        ),
        explained_by=None if reason == "disabled" else (),  # an expiry is never exported
    )


def _expires_ms(side: Side) -> int | None:
    value = side.attributes.get("accountExpires")
    if not isinstance(value, int) or value in (0, _NEVER) or value < 0:
        return None
    return value // 10_000 - _FILETIME_EPOCH_MS
