"""How a password writeback can end, and what server and audit log say of each end.

Source: Microsoft, "Troubleshoot self-service password reset writeback in Microsoft Entra ID" (event ids, HRESULTs),
"Self-service password reset reporting" (reasons).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Operation(StrEnum):
    """What the user or the help desk asks for; the audit activity of its last row."""

    RESET = "Reset password (self-service)"
    CHANGE = "Change password (self-service)"
    ADMIN_RESET = "Reset password (by admin)"
    UNLOCK = "Unlock user account (self-service)"


# Start and success of each, in the service's event ids. A failure's own id tells its cause.
EVENTS: Final[dict[Operation, tuple[int, int]]] = {
    Operation.RESET: (31001, 31002),
    Operation.CHANGE: (31006, 31007),
    Operation.ADMIN_RESET: (31009, 31010),
    Operation.UNLOCK: (31001, 31002),
}


class Outcome(StrEnum):
    """How the operation ends. CLOUD_ONLY: AD never changes; AD_ONLY: the cloud does not; LATE: AD only on delivery."""

    SUCCESS = "success"
    POLICY = "policy"
    PERMISSION = "permission"
    PROTECTED = "protected"
    NOT_FOUND = "not_found"
    SEVERAL = "several"
    CONNECTIVITY = "connectivity"
    CONFIGURATION = "configuration"
    DISABLED = "disabled"
    LOCKED = "locked"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of an outcome
    CLOUD_ONLY = "cloud_only"
    AD_ONLY = "ad_only"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failure on the server: the id of its error event, HRESULT (8 digits), the engine's sentence, audit reason."""

    event_id: int
    hresult: str
    message: str
    reason: str


_ADMIN_ACTION = "OnPremisesAdminActionRequired"
# The sentences of the first six are logged or documented so ("Troubleshoot self-service password reset writeback";
# "Reset a user's password": 80231367; that its sentence is this one is our guess); of the last three only what the
# events mean is: their numbers and sentences are Windows' own for it (system error codes 1331, 1909 and 86).
REFUSALS: Final[dict[Outcome, Refusal]] = {
    Outcome.POLICY: Refusal(
        33008, "80230619", "A restriction prevents the password from being changed to the current one specified.",
        "On-premises policy violation",
    ),
    Outcome.PERMISSION: Refusal(
        33004, "80230626",
        "The password could not be updated because the management agent credentials were denied access.", _ADMIN_ACTION,
    ),
    Outcome.PROTECTED: Refusal(
        33004, "80231367", "Requesting user was denied access to perform the operation on a privileged account.",
        _ADMIN_ACTION,
    ),
    Outcome.NOT_FOUND: Refusal(
        33002, "80230405", "The operation failed because the object cannot be found", _ADMIN_ACTION
    ),
    Outcome.SEVERAL: Refusal(
        33003, "80230402",
        "An attempt to get an object failed because there are duplicated entries with the same anchor", _ADMIN_ACTION,
    ),
    Outcome.CONFIGURATION: Refusal(
        33009, "8023061f",
        "The operation failed because password synchronization is not enabled on this Management Agent.", _ADMIN_ACTION,
    ),
    Outcome.DISABLED: Refusal(
        33005, "80070533", "This user can't sign in because this account is currently disabled.",
        "OnPremisesUserAccountDisabled",
    ),
    Outcome.LOCKED: Refusal(
        33006, "80070775", "The referenced account is currently locked out and may not be logged on to.",
        "OnPremisesUserAccountLockedOut",
    ),
    Outcome.WRONG_PASSWORD: Refusal(
        33007, "80070056", "The specified network password is not correct.", "OnPremisesUserIncorrectPassword"
    ),
}  # fmt: skip
