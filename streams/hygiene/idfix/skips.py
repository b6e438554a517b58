"""Which objects IdFix leaves out. Source: idfix.md section 2.

Skipped objects hold nothing in the duplicate memory either. A test that IdFix could not carry out (a group
without groupType, a boolean that is none) raises there, and the object is then checked; so it is here.
"""

from __future__ import annotations

from streams.hygiene.idfix.options import Mode
from streams.hygiene.objects import DirectoryObject, is_conflict_object

_NAME_STARTS = (
    "admini", "cas_{", "discoverysearchmailbox", "federatedemail", "guest", "httpconnector", "krbtgt", "iusr_",
    "iwam", "msol", "support_", "systemmailbox", "wwioadmini", "healthmailbox", "exchange online-applicationaccount",
)  # fmt: skip
"""SKIP-CN. A prefix test: it also hides real people, such as `Guestova Anna` (a bug that is kept)."""

_FOUR_LETTERS = frozenset(start[:4] for start in _NAME_STARTS)
_RECIPIENT_TYPES = frozenset({"0x1000", "0x2000", "0x4000", "0x400000", "0x800000", "0x1000000", "0x20000000"})
"""SKIP-RTD. Compared as text; LDAP gives decimal, so it never fires on a directory (a bug that is kept)."""


def skip(subject: DirectoryObject, mode: Mode) -> str | None:
    """The id of the rule that leaves this object out, or None."""
    name = subject.common_name.lower()
    if name[-1:] == "$" or (name[:4] in _FOUR_LETTERS and name.startswith(_NAME_STARTS)):
        return "SKIP-CN"
    if is_conflict_object(subject.dn):
        return "SKIP-CNF"
    if mode is Mode.DEDICATED:  # does not even read isCriticalSystemObject
        return None
    if "isCriticalSystemObject" in subject.attributes and _is_true(subject.first("isCriticalSystemObject")):
        return "SKIP-CRIT"
    kind = subject.object_type
    if kind == "user":
        return _skip_user(subject)
    if kind == "group":
        return _skip_group(subject)
    return None


def _skip_user(subject: DirectoryObject) -> str | None:
    account = subject.first("sAMAccountName")
    if account and account[:1] in "cCsSmM" and account.lower().startswith(("cas_", "support_", "msol_")):
        return "SKIP-SAM"
    nickname = subject.first("mailNickname")
    if nickname and nickname[:1] in "cCsS" and nickname.lower().startswith(("cas_", "systemmailbox")):
        return "SKIP-NICK"
    if "msExchHideFromAddressLists" in subject.attributes and "displayName" in subject.attributes:
        hidden = subject.first("msExchHideFromAddressLists") or ""
        if not _is_boolean(hidden):
            return None
        if _is_true(hidden) and (subject.first("displayName") or "").lower().startswith("msol"):
            return "SKIP-HIDE"
    if subject.first("msExchRecipientTypeDetails") in _RECIPIENT_TYPES:
        return "SKIP-RTD"
    return None


def _skip_group(subject: DirectoryObject) -> str | None:
    try:
        group_type = int(subject.first("groupType") or "")
    except ValueError:
        return None
    if group_type < 0:
        return None if subject.first("mail") else "SKIP-SECGRP"
    return None if subject.first("proxyAddresses") else "SKIP-DG"


def _is_boolean(text: str) -> bool:
    return text.strip().lower() in {"true", "false"}


def _is_true(text: str | None) -> bool:
    return text is not None and text.strip().lower() == "true"
