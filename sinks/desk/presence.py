"""What both directories say of one object now, as the desk shows it."""

from __future__ import annotations

import msgspec


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """One object of one directory. changed_at: when it last changed there (RFC 3339).

    outside: why it is not synchronised, in words; None: it is, or it is the cloud's. attributes: as the workers know
    them, for people.
    """

    side: str
    kind: str
    id: str
    name: str
    tenant: str
    forest: str | None
    alive: bool
    changed_at: str
    outside: str | None
    attributes: dict[str, str]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute that the cloud does not show as Active Directory makes it. since: RFC 3339."""

    attribute: str
    wanted: str
    found: str
    since: str


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides of one identity.

    standing: where its last change stands on its way; next_export: what the next synchronisation does to it, a sentence
    each. last_sync_at: the tenant's last synchronisation; None: unknown.
    """

    name: str
    sides: list[Present]
    waiting: list[Waiting]
    standing: str
    next_export: list[str]
    last_sync_at: str | None
