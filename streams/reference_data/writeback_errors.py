"""Codes and words of password writeback: what kind of cause each tells. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from streams.reference_data.table import Row, load

Vocabulary = Literal["event", "hresult", "sspr", "text", "detail"]
RESERVED_CHARACTER, ADMIN_ACTION = "reserved_character", "admin_action_required"
"""Details that rules ask for by name."""


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


class WritebackError(Row, frozen=True, kw_only=True):
    """One code, or one part of a text, of a vocabulary; see the table."""

    vocabulary: Vocabulary
    code: str
    kind: ErrorClass = msgspec.field(name="class")
    detail: str | None = None
    umbrella: bool = False


TABLE = load("writeback_errors", WritebackError)


def rows_of(vocabulary: Vocabulary) -> list[WritebackError]:
    """The rows of one vocabulary, in the order of the table."""
    return [row for row in TABLE.rows if row.vocabulary == vocabulary]
