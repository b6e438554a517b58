"""What a Connect server writes down about passwords, in either direction, in the forms of real logs.

Names, numbers and identifiers are ours; `producers/eventlog/password_hash.py`, `password_reset.py` and
`password_set.py` read them and name the sources. Of events whose text nobody has published (31003, 31008, 31011) the
lab writes none, or no text (31015, 31016, 31019).

Source: Microsoft, "How to troubleshoot password synchronization when using Microsoft Entra Connect", "RPC errors
affecting Microsoft Entra Connect" (611, 6329); EventViewerX AADSyncProvisionCredentialsPing.cs (653, 654);
Get-EntraConnectPasswordSyncEvents.ps1 (656, 657, 31001-31010); jpazureid/blog "password-writeback-overview" (31001,
31002); c7solutions.com/2015/07/password-writeback-errors (33001-33009); MicrosoftDocs/azure-docs issues 106884 (6329),
38311 and 70376 (31034).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

LISTENER_LOST = "The connection to the connect service was lost."
"""The text of a 31034, as far as it is quoted."""

_ADMIN = "admin@contoso.com"
_PRODUCT = "Azure AD Sync 2.6.92.0"
_STARTS = {
    31001: "PasswordResetRequestStart", 31006: "ChangePasswordRequestStart", 31009: "ResetUserPasswordByAdminStart",
}  # fmt: skip
_SUCCESSES = {
    31002: "PasswordResetSuccess", 31007: "ChangePasswordSuccess", 31010: "ResetUserPasswordByAdminSuccess",
}  # fmt: skip
_RPC_WORDS = {
    1722: "The RPC server is unavailable.",
    8439: "The distinguished name specified for this replication operation is invalid.",
    8453: "Replication access was denied.",
}


@dataclass(frozen=True, slots=True)
class Named:
    """A user as the password reset service names one. `source_anchor`: base64."""

    user_principal_name: str
    entra_id: str
    source_anchor: str

    @property
    def anchors(self) -> str:
        """What stands before the UPN."""
        return f"Context: cloudAnchor: User_{self.entra_id}, SourceAnchorValue: {self.source_anchor}"


def writeback_start(event_id: int, tracking_id: str, user_principal_name: str) -> str:
    """The text of a 31001, 31006 or 31009: of the user nothing but the UPN."""
    return f"TrackingId: {tracking_id}, {_STARTS[event_id]}, Details: {user_principal_name}"


def writeback_success(
    event_id: int, tracking_id: str, user: Named, *, unblock: bool = True, admin: str = "", forced: bool = False
) -> str:
    """The text of a 31002, 31007 or 31010. admin, forced: of an administrator's reset."""
    by = f"AdminUpn: {admin or _ADMIN}, " if event_id == 31010 else ""
    more = {31002: f", unblockUser: {unblock}", 31010: f", ForcePasswordChange: {forced}"}.get(event_id, "")
    return (
        f"TrackingId: {tracking_id}, {_SUCCESSES[event_id]}, Details: {user.anchors}, "
        f"{by}UserPrincipalName: {user.user_principal_name}{more}"
    )


def writeback_failure(tracking_id: str, user: Named, *, hresult: str, message: str) -> str:
    """The text of a 33001 to 33009. hresult: eight hexadecimal digits; message: the engine's sentence."""
    answered = f"Synchronization Engine returned an error hr={hresult}, message={message}"
    return (
        f"TrackingId: {tracking_id}, Reason: {answered}, {user.anchors}, "
        f"UserPrincipalName: {user.user_principal_name}, Details: "
        f"Microsoft.CredentialManagement.OnPremisesPasswordReset.Shared.PasswordResetException: {answered}\r\n"
        "   at AADPasswordReset.SynchronizationEngineManagedHandle.ThrowSyncEngineError(Int32 hr)"
    )


def set_trace(hresult: str, message: str) -> str:
    """The text of a 6329, which names no user."""
    return _traced(f"BAIL: MMS(4508): ..\\server.cpp(11139): 0x{hresult} ({message})\n")


def set_without_target(entra_id: str) -> str:
    """The text of a 6329 about a user who is in no scope of password synchronisation, or not in AD."""
    return _traced(
        "ERR_: MMS(4508): ..\\ObjectSearcher.cpp(461): AD Object is not present. \n"
        "BAIL: MMS(4508): ..\\ObjectSearcher.cpp(491): 0x80230405 (The operation failed because the object cannot be "
        "found):\nNo password writeback targets found.\nMake sure that the source object exists and is connected to "
        "the target objects via MV and the target object is in scope of password sync rule.\n"
        f"AAD anchor = User_{entra_id}"
    )


def hash_requests(users: Iterable[tuple[str, str]], *, changed: str = "03/02/2026 09:31:07") -> str:
    """The text of a 656 about up to 50 users, each (source anchor, distinguished name)."""
    return "\r\n".join(
        f"Password Change Request - Anchor : {anchor}, Dn : {dn}, Change Date : {changed}" for anchor, dn in users
    )


def hash_results(forest: str, users: Iterable[tuple[str, str, bool]]) -> str:
    """The text of a 657 about up to 50 users, each (source anchor, distinguished name, whether it went well)."""
    lines = (
        f"Password Change Result - Anchor : {anchor}, Dn : {dn}, PwdChangeOnLogon=False, "
        f"Result : {'Success' if well else 'Failed'}."
        for anchor, dn, well in users
    )
    return "\r\n".join(lines) + _forest_info(forest)


def ping(forest: str, end: bool = True) -> str:
    """The text of a 653 or, at its end, a 654: there is no password to synchronise; about every 30 minutes."""
    tracking = uuid.uuid5(uuid.NAMESPACE_DNS, f"ping.{forest}")
    return f"Provision credentials ping {'end' if end else 'start'}. TrackingID : {tracking}{_forest_info(forest)}"


def domain_failure(domain: str, *, rpc_error: int = 8439, controller: str | None = None) -> str:
    """The text of a 611: the passwords of one domain cannot be read. controller: None where there was none to ask."""
    name, address = (controller, "192.0.2.10") if controller else ("<not available>", "<not available>")
    return (
        f"Password hash synchronization failed for domain: {domain}, domain controller hostname: {name}, domain "
        f"controller IP address: {address}.\r\nDetails: \r\n"
        "Microsoft.Online.PasswordSynchronization.SynchronizationManagerException: Recovery task failed. ---> "
        "Microsoft.Online.PasswordSynchronization.DirectoryReplicationServices.DrsException: "
        f"RPC Error {rpc_error} : {_RPC_WORDS[rpc_error]} There was an error calling _IDL_DRSGetNCChanges."
    )


def _traced(lines: str) -> str:
    return f'An unexpected error has occurred during a password set operation.\n"{lines}{_PRODUCT}"'


def _forest_info(forest: str) -> str:
    connector = uuid.uuid5(uuid.NAMESPACE_DNS, forest.lower())
    return (
        f"\r\n\r\n<forest-info>\r\n  <partition-name>{forest.upper()}</partition-name>\r\n"
        f"  <connector-id>{connector}</connector-id>\r\n</forest-info>"
    )
