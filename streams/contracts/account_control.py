"""Bits of userAccountControl that say what an account is and whether it may be used.

Source: Microsoft, "ADS_USER_FLAG_ENUM enumeration (iads.h)" and "UserAccountControl property flags".
"""

from __future__ import annotations

_ACCOUNT_DISABLED, _SERVER_TRUST_ACCOUNT, _PARTIAL_SECRETS_ACCOUNT = 0x2, 0x2000, 0x4000000


def is_enabled(control: object) -> bool | None:
    """Whether an account with this userAccountControl may be used; None where it is unknown (no number)."""
    return not control & _ACCOUNT_DISABLED if isinstance(control, int) else None


def is_domain_controller(control: object) -> bool:
    """Whether it is the account of a domain controller, a read-only one too."""
    return isinstance(control, int) and bool(control & (_SERVER_TRUST_ACCOUNT | _PARTIAL_SECRETS_ACCOUNT))
