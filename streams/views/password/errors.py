"""Why a password did not come to AD: one class per cause, read from numbers first and from words else.

Three vocabularies tell of the same failures: the event ids 32xxx and 33xxx of PasswordResetService, the HRESULTs of
the engine, and the names and numbers of self-service password reset (SSPR). Whether the names stand literally in an
audit's resultReason is documented for few, so words are compared in lower case without blanks and hyphens.

The codes themselves are data with their sources: streams/reference_data/writeback_errors.toml.
"""

from __future__ import annotations

import re

from streams.reference_data.writeback_errors import ADMIN_ACTION, TABLE, ErrorClass, rows_of

__all__ = ["BY_NUMBER", "USERS_OWN", "ErrorClass", "classify", "detail_of", "is_umbrella", "normalised"]

USERS_OWN = frozenset(
    {ErrorClass.PASSWORD_POLICY, ErrorClass.WRONG_PASSWORD, ErrorClass.ACCOUNT_LOCKED, ErrorClass.ACCOUNT_DISABLED}
)
"""Classes that the person at the keyboard runs into; an operator's hand is needed only if they are many."""
BY_NUMBER = {row.code: row.kind for row in rows_of("event")}

_E = ErrorClass
_NOTHING: tuple[ErrorClass, str | None] = (_E.OTHER, None)
_BY_HRESULT = {row.code: (row.kind, row.detail) for row in rows_of("hresult")}
_BY_SSPR_NUMBER = {int(row.code): row.kind for row in rows_of("sspr")}
_BY_TEXT = [(row.code, row.kind) for row in rows_of("text")]
_DETAILS = [(row.kind, row.code, row.detail) for row in rows_of("detail")]
_UMBRELLA_NUMBERS = {int(row.code) for row in TABLE.rows if row.umbrella and row.vocabulary == "sspr"}
_UMBRELLAS = [row.code for row in TABLE.rows if row.umbrella and row.vocabulary == "text"]
_SSPR_CODE = re.compile(r"\bsspr_0*(\d{1,3})\b", re.IGNORECASE)
_NUMBER_ALONE = re.compile(r"\s{0,20}(\d{1,2})\s{0,20}")
_BLANKS = re.compile(r"[\s\-\u2010-\u2015]+")


def classify(error_code: str | None = None, hresult: str | None = None, text: str | None = None) -> ErrorClass:
    """The class of a failure; OTHER where nothing that we know speaks. A number that says little leaves it to words."""
    by_number = BY_NUMBER.get(error_code or "", _E.OTHER)
    if by_number is not _E.OTHER:
        return by_number
    by_hresult, _ = _BY_HRESULT.get((hresult or "").lower(), _NOTHING)
    return by_hresult if by_hresult is not _E.OTHER else _by_words(text or "")


def detail_of(kind: ErrorClass, text: str | None, hresult: str | None = None) -> str | None:
    """What exactly, where the code or the text tells it by one word only: who lists every rule tells nothing."""
    of_class, detail = _BY_HRESULT.get((hresult or "").lower(), _NOTHING)
    if detail is not None and of_class is kind:
        return detail
    words = normalised(text or "")
    found = {name for of_class, part, name in _DETAILS if of_class is kind and part in words}
    if kind is _E.OTHER and is_umbrella(text or ""):
        return ADMIN_ACTION
    return found.pop() if len(found) == 1 else None


def is_umbrella(text: str) -> bool:
    """Whether it only says that an administrator has to act on-premises: of any cause, and so of none."""
    words = normalised(text)
    return _sspr_number(text) in _UMBRELLA_NUMBERS or any(name in words for name in _UMBRELLAS)


def normalised(text: str) -> str:
    """Lower case, without blanks and hyphens: as names and sentences of one thing agree."""
    return _BLANKS.sub("", text.lower())


def _sspr_number(text: str) -> int | None:
    code = _SSPR_CODE.search(text) or _NUMBER_ALONE.fullmatch(text)
    return int(code[1]) if code is not None else None


def _by_words(text: str) -> ErrorClass:
    number = _sspr_number(text)
    if number in _BY_SSPR_NUMBER:
        return _BY_SSPR_NUMBER[number]
    words = normalised(text)
    return next((kind for part, kind in _BY_TEXT if part in words), _E.OTHER)
