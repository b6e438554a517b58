"""Questions of one view to another, and the answers. An answer is derived for as long as the question stands.

- The view of a value by an object to which a rule may propose it, or that was refused with it: who holds it?
- The view of an object by an address that several claim, and by a value or a principal: which ids has it in the cloud,
  when did its AD side move, and has the cloud the say over it? Members of a group ask by way of a part of it.
- The view of a forest by a user whose password AD does not show: until when has AD been read?
- The view of a server by an object or an address that was refused at an export: when did its newest exporting cycle
  begin?

A question is contributed under the name of the view that asks, its answer under that of the view that answers. Neither
may depend on the other's content, else they would take themselves back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, kind_of_contributor, rest_of
from streams.contracts.events import Event
from streams.directory.party import Party
from streams.views.messages import Counterparts, ExportBegan, HolderOfValue, Holders, Question, ReadUntil, written
from streams.views.view import Derived, Entry

_MOST_NAMED = 20


def ask_holders(view: str, asker: str, *, refused: bool = False) -> Derived:
    """Ask the view of a value who holds it. refused: the asker's object was refused with it, and that stands."""
    return Derived(view, ContributorKind.PROBE.named(asker), written(Question(asker, refused=refused)))


def answer_holders(key: str, askers: Iterable[str], holders: Iterable[Party]) -> list[Derived]:
    """The answers of the view of a value; empty while no object holds it. Names _MOST_NAMED holders at most."""
    named = [
        HolderOfValue(party.id, party.distinguished_name or party.name, party.side, party.kind, party.forest or "")
        for party in islice(holders, _MOST_NAMED)
    ]
    return (
        [Derived(asker, ContributorKind.HELD.named(key), written(Holders(named))) for asker in askers] if named else []
    )


def ask_counterparts(view: str, asker: str) -> Derived:
    """Ask the view of an object who stands there."""
    return Derived(view, ContributorKind.WATCH.named(asker), written(Question(watcher=asker)))


def answer_counterparts(key: str, askers: Iterable[str], answer: Counterparts) -> list[Derived]:
    """The answers of the view of an object."""
    return [Derived(asker, ContributorKind.LINK.named(key), written(answer)) for asker in askers]


def moved(entries: Mapping[str, Entry]) -> frozenset[str]:
    """The views of objects that have answered that the cloud has the say over them."""
    return frozenset(
        rest_of(name)
        for name, entry in entries.items()
        if kind_of_contributor(name) is ContributorKind.LINK
        and isinstance(message := entry.message, Counterparts)
        and message.cloud_managed
    )


def ask_through(part: str, asker: str) -> Derived:
    """Ask a part of a group's members to ask the group who has the say over it."""
    return Derived(part, ContributorKind.ASKS.named(asker), written(Question(asker)))


def ask_reading(tenant: str, forest: str, asker: str) -> Derived:
    """Ask a forest until when it has been read."""
    return Derived(view_keys.forest(tenant, forest), ContributorKind.ASKS.named(asker), written(Question(asker)))


def answer_reading(key: str, askers: Iterable[str], read_until_ms: int | None) -> list[Derived]:
    """The answers of the view of a forest; empty while its source has written no watermark."""
    if read_until_ms is None:
        return []
    return [Derived(asker, ContributorKind.HEARD.named(key), written(ReadUntil(read_until_ms))) for asker in askers]


def ask_export(refusal: Event, asker: str) -> list[Derived]:
    """Ask the server of a refusal when it last exported; with the domain, as two servers may have one name."""
    if refusal.server is None:
        return []
    server, asks = view_keys.server(refusal.tenant, refusal.server), Question(asker, domain=refusal.domain)
    return [Derived(server, ContributorKind.ASKS.named(asker), written(asks))]


def answer_export(key: str, askers: Iterable[str], began_ms: int) -> list[Derived]:
    """The answers of the view of a server. began_ms: of its newest cycle that exported and has ended; 0: none, and the
    result is empty.
    """
    if not began_ms:
        return []
    return [Derived(asker, ContributorKind.EXPORTED.named(key), written(ExportBegan(began_ms))) for asker in askers]
