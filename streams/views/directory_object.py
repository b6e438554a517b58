"""The object views: what AD and what Entra say about one user, group or contact.

Keys: user/<tenant>/<immutableId>, group/<tenant>/<objectSid>, contact/<tenant>/<primary address>: the pairs
of attributes by which Entra Connect matches, so that both sides arrive under one key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from streams.contracts.facts import ObjectKind
from streams.views.addresses import fold_address, fold_proxy_address
from streams.views.party import Party, party_from, source_anchor
from streams.views.proposals import HELD, questions
from streams.views.state import ObjectState
from streams.views.view import Derived, Entry, latest, tenant_of


@dataclass(frozen=True, slots=True)
class Side:
    """One directory's object: who it is and every attribute we read."""

    party: Party
    attributes: Mapping[str, Any]
    changed_ms: int


@dataclass(frozen=True, slots=True)
class ObjectView:
    """Both sides of one object. More than one AD side: two objects share the matching key.

    held: view of a value that a rule proposes for the object -> (id, DN or name) of those who hold it already.
    """

    kind: ClassVar[str] = ""

    key: str
    tenant: str
    ad: tuple[Side, ...]
    entra: tuple[Side, ...]
    watchers: tuple[str, ...]
    held: Mapping[str, tuple[tuple[str, str], ...]]
    changed_ms: int

    @staticmethod
    def contested(entries: Mapping[str, Entry]) -> bool:
        """Always: rules judge single objects too."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        ad: list[Side] = []
        entra: list[Side] = []
        watchers: list[str] = []
        held: dict[str, tuple[tuple[str, str], ...]] = {}
        for contributor, entry in sorted(entries.items()):
            if contributor.startswith("watch/"):
                watchers.append(str(entry.body["watcher"]))
                continue
            if contributor.startswith(HELD):
                held[contributor.removeprefix(HELD)] = tuple((str(id), str(name)) for id, name in entry.body["holders"])
                continue
            side = Side(party_from(entry.body["party"]), entry.body["attributes"], entry.changed_ms)
            (ad if side.party.side == "ad" else entra).append(side)
        return cls(key, tenant_of(key), tuple(ad), tuple(entra), tuple(watchers), held, latest(entries))

    def derived(self) -> Iterable[Derived]:
        """Tell the contested addresses that asked which cloud objects stand under this key; ask about proposals."""
        entra = sorted(side.party.id for side in self.entra)
        told = [Derived(watcher, f"link/{self.key}", {"entra": entra}) for watcher in self.watchers]
        return told + questions(self.key, self.tenant, ((side.party, side.attributes) for side in self.ad))


class UserView(ObjectView):
    """A user, matched by source anchor."""

    kind: ClassVar[str] = "user"
    __slots__ = ()


class GroupView(ObjectView):
    """A group, matched by SID."""

    kind: ClassVar[str] = "group"
    __slots__ = ()


class ContactView(ObjectView):
    """A contact, matched by primary address."""

    kind: ClassVar[str] = "contact"
    __slots__ = ()


def object_view_key(state: ObjectState) -> str | None:
    """The key of the object's own view; None if nothing on the other side could ever match it."""
    if state.kind is ObjectKind.USER:
        anchor = source_anchor(state)
        return f"user/{state.tenant}/{anchor}" if anchor else None
    if state.kind is ObjectKind.GROUP:
        sid = state.text("objectSid" if state.side == "ad" else "onPremisesSecurityIdentifier")
        return f"group/{state.tenant}/{sid}" if sid else None
    if state.kind is ObjectKind.CONTACT:
        primary = primary_address(state)
        return f"contact/{state.tenant}/{primary}" if primary else None
    return None


def primary_address(state: ObjectState) -> str | None:
    """The folded primary SMTP address: of proxyAddresses, else mail."""
    for value in state.texts("proxyAddresses"):
        address = fold_proxy_address(value)
        if address is not None and address.primary:
            return address.folded
    mail = fold_address(state.text("mail") or "")
    return mail.folded if mail else None
