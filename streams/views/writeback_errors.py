"""Why a password did not come to AD: one class per cause, read from numbers first and from words else.

Three vocabularies tell of the same failures: the event ids 32xxx and 33xxx of PasswordResetService, the HRESULTs of
the engine, and the names and numbers of self-service password reset (SSPR). Whether the names stand literally in an
audit's resultReason is not documented, so words are compared in lower case without blanks and hyphens.

Source: Microsoft, "Troubleshoot self-service password reset writeback"; "Self-service password reset
troubleshooting", error codes; "Password writeback: audit reasons".
"""

from __future__ import annotations

import re
from enum import StrEnum


class ErrorClass(StrEnum):
    """What kind of cause; each calls for another hand."""

    PASSWORD_POLICY = "password_policy"  # noqa: S105  a name of a cause
    PERMISSION = "permission"
    USER_NOT_FOUND = "user_not_found"
    SEVERAL_MATCHES = "several_matches"
    CONNECTIVITY = "connectivity"
    CONFIGURATION = "configuration"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_LOCKED = "account_locked"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    SPLIT = "on_premises_success_cloud_failure"
    NOT_OFFERED = "not_offered"  # the cloud refuses before it asks AD: no licence, no method, not in the group
    OTHER = "other"


USERS_OWN = frozenset(
    {ErrorClass.PASSWORD_POLICY, ErrorClass.WRONG_PASSWORD, ErrorClass.ACCOUNT_LOCKED, ErrorClass.ACCOUNT_DISABLED}
)
"""Classes that the person at the keyboard runs into; an operator's hand is needed only if they are many."""

_E = ErrorClass
BY_NUMBER: dict[str, ErrorClass] = {
    "31016": _E.CONNECTIVITY, "31034": _E.CONNECTIVITY, "31044": _E.CONNECTIVITY,
    "32000": _E.OTHER, "32001": _E.CONNECTIVITY, "32002": _E.CONNECTIVITY, "32003": _E.OTHER,
    "32004": _E.CONFIGURATION, "32005": _E.CONFIGURATION, "32007": _E.CONFIGURATION, "32008": _E.CONNECTIVITY,
    "32009": _E.CONFIGURATION, "32010": _E.CONFIGURATION, "32011": _E.CONNECTIVITY, "32013": _E.CONNECTIVITY,
    "32014": _E.CONNECTIVITY, "32015": _E.CONNECTIVITY,
    "33001": _E.OTHER, "33002": _E.USER_NOT_FOUND, "33003": _E.SEVERAL_MATCHES, "33004": _E.PERMISSION,
    "33005": _E.ACCOUNT_DISABLED, "33006": _E.ACCOUNT_LOCKED, "33007": _E.WRONG_PASSWORD,
    "33008": _E.PASSWORD_POLICY, "33009": _E.CONFIGURATION, "6800": _E.CONFIGURATION,
}  # fmt: skip
BY_HRESULT: dict[str, ErrorClass] = {
    "0x80230619": _E.PASSWORD_POLICY,
    "0x8023061f": _E.CONFIGURATION,  # password management is not enabled on that connector
    "0x80230402": _E.SEVERAL_MATCHES,
    "0x800700ce": _E.CONFIGURATION,  # the connector account's own password is too long
    "0x8023062c": _E.CONFIGURATION,  # LDAP is not encrypted
}
BY_SSPR_NUMBER: dict[int, ErrorClass] = {
    9: _E.NOT_OFFERED, 10: _E.CONFIGURATION, 11: _E.NOT_OFFERED, 12: _E.NOT_OFFERED, 13: _E.NOT_OFFERED,
    14: _E.NOT_OFFERED, 29: _E.PERMISSION, 30: _E.CONNECTIVITY,
}  # fmt: skip
# Within a normalised text, the first that it holds counts.
BY_TEXT: tuple[tuple[str, ErrorClass], ...] = (
    ("onpremisessuccesscloudfailure", _E.SPLIT),
    ("onpremisesadminactionrequired", _E.PERMISSION),
    ("onpremisesconnectivityerror", _E.CONNECTIVITY),
    ("onpremisespolicyviolation", _E.PASSWORD_POLICY),
    ("fuzzypolicy", _E.PASSWORD_POLICY),
    ("writebacknotenabled", _E.CONFIGURATION),
    ("tenantssprflagdisabled", _E.NOT_OFFERED),
    ("ssprnotenabledinuserpolicy", _E.NOT_OFFERED),
    ("usernotlicensed", _E.NOT_OFFERED),
    ("usernotmemberofscopedaccessgroup", _E.NOT_OFFERED),
    ("usernotproperlyconfigured", _E.NOT_OFFERED),
    ("adpasswordpolicyerror", _E.PASSWORD_POLICY),
    ("adpermissionserror", _E.PERMISSION),
    ("adusernotfounderror", _E.USER_NOT_FOUND),
    ("admutlimatcherror", _E.SEVERAL_MATCHES),  # the service's own spelling
    ("admultimatcherror", _E.SEVERAL_MATCHES),
    ("aduseraccountdisabled", _E.ACCOUNT_DISABLED),
    ("aduseraccountlockedout", _E.ACCOUNT_LOCKED),
    ("aduserincorrectpassword", _E.WRONG_PASSWORD),
    ("adconfigurationerror", _E.CONFIGURATION),
    ("noldappasswordpolicycontrol", _E.CONFIGURATION),
    ("ldappasswordpolicycontrol", _E.CONFIGURATION),
    ("minimumpasswordage", _E.PASSWORD_POLICY),
    ("passwordage", _E.PASSWORD_POLICY),
    ("passwordhistory", _E.PASSWORD_POLICY),
    ("complexity", _E.PASSWORD_POLICY),
    ("passwordfilter", _E.PASSWORD_POLICY),
    ("passwordpolicy", _E.PASSWORD_POLICY),
    ("passwordrestriction", _E.PASSWORD_POLICY),
    ("couldnotbereached", _E.CONNECTIVITY),
    ("cannotbereached", _E.CONNECTIVITY),
    ("unabletoreach", _E.CONNECTIVITY),
    ("accessisdenied", _E.PERMISSION),
    ("accessdenied", _E.PERMISSION),
    ("insufficientaccess", _E.PERMISSION),
    ("insufficientrights", _E.PERMISSION),
    ("admincount", _E.PERMISSION),
    ("lockedout", _E.ACCOUNT_LOCKED),
    ("accountislocked", _E.ACCOUNT_LOCKED),
    ("accountdisabled", _E.ACCOUNT_DISABLED),
    ("accountisdisabled", _E.ACCOUNT_DISABLED),
    ("incorrectpassword", _E.WRONG_PASSWORD),
    ("wrongpassword", _E.WRONG_PASSWORD),
    ("usernotfound", _E.USER_NOT_FOUND),
)
# What of the policy, where the text tells; likewise of a missing right.
_DETAILS: tuple[tuple[ErrorClass, str, str], ...] = (
    (_E.PASSWORD_POLICY, "minimumpasswordage", "minimum_age"),
    (_E.PASSWORD_POLICY, "minimumage", "minimum_age"),
    (_E.PASSWORD_POLICY, "tooyoung", "minimum_age"),
    (_E.PASSWORD_POLICY, "tooshort", "minimum_length"),
    (_E.PASSWORD_POLICY, "history", "history"),
    (_E.PASSWORD_POLICY, "alreadyused", "history"),
    (_E.PASSWORD_POLICY, "complexity", "complexity"),
    (_E.PASSWORD_POLICY, "filter", "filter"),
    (_E.PASSWORD_POLICY, "fuzzy", "banned_list"),
    (_E.PERMISSION, "admincount", "protected_account"),
    (_E.PERMISSION, "protected", "protected_account"),
)
_SSPR_CODE = re.compile(r"\bsspr_0*(\d{1,3})\b", re.IGNORECASE)
_NUMBER_ALONE = re.compile(r"\s*(\d{1,2})\s*")
_BLANKS = re.compile(r"[\s\-\u2010-\u2015]+")


def classify(error_code: str | None = None, hresult: str | None = None, text: str | None = None) -> ErrorClass:
    """The class of a failure; OTHER where nothing that we know speaks. A number that says little leaves it to words."""
    by_number = BY_NUMBER.get(error_code or "", _E.OTHER)
    if by_number is not _E.OTHER:
        return by_number
    by_hresult = BY_HRESULT.get((hresult or "").lower(), _E.OTHER)
    return by_hresult if by_hresult is not _E.OTHER else _by_words(text or "")


def detail_of(kind: ErrorClass, text: str | None) -> str | None:
    """What exactly, where the text tells it by one word only: a text that lists every rule tells nothing."""
    words = normalised(text or "")
    found = {name for of_class, part, name in _DETAILS if of_class is kind and part in words}
    return found.pop() if len(found) == 1 else None


def normalised(text: str) -> str:
    """Lower case, without blanks and hyphens: as names and sentences of one thing agree."""
    return _BLANKS.sub("", text.lower())


def _by_words(text: str) -> ErrorClass:
    code = _SSPR_CODE.search(text) or _NUMBER_ALONE.fullmatch(text)
    if code is not None and int(code[1]) in BY_SSPR_NUMBER:
        return BY_SSPR_NUMBER[int(code[1])]
    words = normalised(text)
    return next((kind for part, kind in BY_TEXT if part in words), _E.OTHER)
