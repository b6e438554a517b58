"""Codes and words of password hash synchronisation: what kind of cause each tells. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from streams.reference_data.table import Row, load

Vocabulary = Literal["system", "service", "text", "event"]


class HashError(StrEnum):
    """What kind of cause; each calls for another hand."""

    RIGHTS = "rights"
    ACCOUNT = "connector_account"
    CONNECTIVITY = "domain_controller_unreachable"
    REPLICATION = "replication"
    RESOURCES = "resources"
    NOT_ACTIVATED = "not_activated"  # for the tenant: a matter of configuration
    CREDENTIALS = "cloud_credentials"
    BUSY = "service_busy"  # it is tried again by itself
    FIPS = "fips"
    STOPPED = "manager_stopped"
    OTHER = "other"


class HashCode(Row, frozen=True, kw_only=True):
    """One code, or one part of a text, of a vocabulary; see the table."""

    vocabulary: Vocabulary
    code: str
    kind: HashError = msgspec.field(name="class")
    meaning: str | None = None


TABLE = load("password_hash_errors", HashCode)


def rows_of(vocabulary: Vocabulary) -> dict[str, HashCode]:
    """The rows of one vocabulary by their code, in the order of the table."""
    return {row.code: row for row in TABLE.rows if row.vocabulary == vocabulary}
