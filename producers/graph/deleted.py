"""What Entra keeps of the deleted: when each object was deleted, and that it can be restored.

Delta tells of deletions that happen while it runs, and of those nothing but an id. So the deleted items are listed
once the first reading is complete, and then every so often. An object that delta knows as living is left to delta:
the list may be older than what delta has told, and a deletion that is told is always one of an object that is dead
already, or that nobody has spoken of. What is listed no more, and does not live either, can no longer be restored.

Source: Microsoft Graph, "List deleted items (directory objects)"; devices are documented for the beta alone, and
pages disagree on whether hybrid devices come here at all. A cloud without a list has none: no refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from producers.graph.client import GraphClient, GraphError
from producers.graph.collection_ledger import CollectionLedger
from producers.graph.collections import DEVICES, GROUPS, USERS, Collection
from producers.graph.delta import dead_letter
from producers.graph.listing import Listing
from producers.graph.mapping.objects import attributes_of, object_id
from producers.graph.task import Step
from producers.refusing import refusing
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import Fact, Operation
from streams.contracts.times import parse_rfc3339
from streams.runtime.clock import HybridClock, now_ms

DELETED_PERMISSIONS = {
    USERS.name: "User.Read.All",
    GROUPS.name: "Group.Read.All",  # more than reading living groups takes
    DEVICES.name: "Device.Read.All",
}
"""Collection -> the application permission that its list of deleted items takes."""

NOT_IN_V1 = frozenset({400, 404})
"""What v1.0 answers where only the beta has the list."""

_PAGE = 999
_REFUSED = frozenset({400, 401, 403, 404, 410})
_RESTORABLE, _PURGED = "changed", "deleted"  # delta's own words for @removed


def deleted_path(collection: Collection, top: int = _PAGE) -> str:
    """Where the deleted items of a collection are listed, with everything that is read of living ones."""
    cast = collection.odata_type.lstrip("#")
    return f"/directory/deletedItems/{cast}?$select={','.join(('id', *collection.properties))}&$top={top}"


class DeletedTask(Listing[str]):
    """The deleted items of one collection: object id -> deletedDateTime, as it was emitted.

    properties: which of the collection's Graph does not refuse; delta goes first, and knows.
    """

    def __init__(
        self,
        collection: Collection,
        client: GraphClient,
        source: str,
        sequence: HybridClock,
        ledger: CollectionLedger,
        properties: Callable[[], tuple[str, ...]],
        interval_s: float,
    ) -> None:
        name = f"deleted_{collection.name}"
        super().__init__(
            name, client, source, sequence, interval_s, refused=_REFUSED, value_type=str, bucket_characters=2
        )
        self.collection = collection
        self._ledger = ledger
        self._properties = properties
        self._listed: set[str] = set()
        self._beta = False

    @property
    def ready(self) -> bool:
        """Only after the first verified round, and in no full round."""
        return self._ledger.completed and not self._ledger.in_round

    def apply(self, answer: dict[str, Any] | None) -> Step:
        """Facts about deleted objects of which that was not emitted, and about those that are kept no longer."""
        step = Step()
        if self._link is None:
            self._listed = set()
        if answer is None or not self.ready:
            self._link = None  # nothing follows from a list that was not read to its end
            return step
        ts_ms = now_ms()
        for item in answer["value"]:
            try:
                with refusing("the item"):
                    self._compare(item, ts_ms, step)
            except InvalidRecordError as error:
                step.rejected.append(dead_letter(item, error, ts_ms))
        self._follow(answer)
        if self._link is None:
            self._forget(ts_ms, step)
        step.checkpoints += self._changes(ts_ms)
        return step

    def emit_again(self) -> Step:
        """Forget what was emitted, so that the next list emits it again."""
        for name in list(self._emitted):
            self._note(name, None)
        self._link = None
        return Step(checkpoints=self._changes(now_ms()))

    def _first_page(self) -> dict[str, Any]:
        path = deleted_path(replace(self.collection, properties=self._properties()))
        if self._beta:
            return self._client.get(self._client.beta_url(path))
        try:
            return self._client.get(self._client.url(path))
        except GraphError as error:
            if error.status not in NOT_IN_V1:
                raise
            page = self._client.get(self._client.beta_url(path))
            self._beta = True
            return page

    def _compare(self, item: Any, ts_ms: int, step: Step) -> None:
        name = object_id(item)
        self._listed.add(name)
        if self._ledger.lives(name):
            self._note(name, None)
            return
        deleted = item.get("deletedDateTime")
        deleted = deleted if isinstance(deleted, str) else ""
        if self._emitted.get(name) == deleted:
            return
        self._note(name, deleted)  # first: an item that cannot be used is refused once, not every time
        attributes = attributes_of(item, self.collection, full=True)
        upn, prefix = attributes.get("userPrincipalName"), name.replace("-", "")
        if isinstance(upn, str) and upn.lower().startswith(prefix):
            attributes["userPrincipalName"] = upn[len(prefix) :]  # set free on deletion; people know it without
        step.facts.append(self._fact(name, ts_ms, {**attributes, "@removed": _RESTORABLE}, _ms(deleted)))

    def _forget(self, ts_ms: int, step: Step) -> None:
        for name, deleted in [each for each in self._emitted.items() if each[0] not in self._listed]:
            self._note(name, None)
            if not self._ledger.lives(name):
                step.facts.append(self._fact(name, ts_ms, {"@removed": _PURGED}, _ms(deleted)))
        self._listed = set()

    def _fact(self, name: str, ts_ms: int, attributes: dict[str, Any], changed_ms: int | None) -> Fact:
        return Fact(
            op=Operation.DELETED,
            object_id=name,
            seq=self._sequence.next(),
            ts_ms=ts_ms,
            kind=self.collection.kind,
            changed_ms=changed_ms,
            attributes=attributes,
        )


def _ms(text: str) -> int | None:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return None
