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


# Start, success and failure of each, in the service's event ids.
EVENTS: Final[dict[Operation, tuple[int, int, int]]] = {
    Operation.RESET: (31001, 31002, 31003),
    Operation.CHANGE: (31006, 31007, 31008),
    Operation.ADMIN_RESET: (31009, 31010, 31011),
    Operation.UNLOCK: (31001, 31002, 31003),
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
    cause: str
    reason: str
    engine_event: bool = False


_ADMIN_ACTION = "OnPremisesAdminActionRequired"
REFUSALS: Final[dict[Outcome, Refusal]] = {
    Outcome.POLICY: Refusal(
        33008, "80230619", "A restriction prevents the change: ADPasswordPolicyError.", "On-premises policy violation",
        engine_event=True,
    ),
    Outcome.PERMISSION: Refusal(33004, "80070005", "Access is denied: ADPermissionsError.", _ADMIN_ACTION),
    Outcome.PROTECTED: Refusal(
        33004, "80070005", "Access is denied: ADPermissionsError. The account has adminCount = 1.", _ADMIN_ACTION
    ),
    Outcome.NOT_FOUND: Refusal(33002, "80230405", "The object was not found: ADUserNotFoundError.", _ADMIN_ACTION),
    Outcome.SEVERAL: Refusal(33003, "80230402", "More than one object matches: ADMutliMatchError.", _ADMIN_ACTION),
    Outcome.CONFIGURATION: Refusal(
        33009, "8023061f", "Password management is not enabled for the connector: ADConfigurationError.", _ADMIN_ACTION,
        engine_event=True,
    ),
    Outcome.DISABLED: Refusal(
        33005, "8007052e", "The account is disabled: ADUserAccountDisabled.", "OnPremisesUserAccountDisabled"
    ),
    Outcome.LOCKED: Refusal(
        33006, "80070775", "The account is locked out: ADUserAccountLockedOut.", "OnPremisesUserAccountLockedOut"
    ),
    Outcome.WRONG_PASSWORD: Refusal(
        33007, "80070056", "The current value does not match: ADUserIncorrectPassword.",
        "OnPremisesUserIncorrectPassword",
    ),
}  # fmt: skip
