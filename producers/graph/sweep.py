"""The slow reconciliation of errors that delta may not surface.

Whether a change of onPremisesProvisioningErrors alone makes an object reappear in delta is not documented, so
every so often all objects with errors are listed and compared with what was emitted. Facts go out only for
differences, and an error that is missing from the list is confirmed by reading its object. What delta or a verification
emits while an answer is on its way is newer than the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from producers.graph.client import GraphClient, GraphError
from producers.graph.collection_ledger import CollectionLedger
from producers.graph.collections import ERRORS, Collection
from producers.graph.errors_seen import ErrorsSeen
from producers.graph.mapping.objects import attributes_of, object_id
from producers.graph.task import Step
from producers.graph.trail import Trail
from producers.refusing import refusing
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.facts import Fact, Operation
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger

# Advanced queries: documented operators of each property (Microsoft Graph, user/group/orgContact resources).
_FILTERS = (
    "onPremisesProvisioningErrors/any(o:o/category eq 'PropertyConflict')",
    "serviceProvisioningErrors/any(o:o/isResolved eq false)",
)
_EVENTUAL = {"ConsistencyLevel": "eventual"}
_PAGE = 500
_READS = 20
_REFUSED_WAIT_S = 300.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Objects that had errors and were not listed, read one by one; those gone are simply not here."""

    asked: list[str]
    items: list[dict[str, Any]]


class SweepTask:
    """Lists the objects of one collection that have errors, after its delta has caught up."""

    def __init__(
        self,
        collection: Collection,
        client: GraphClient,
        sequence: HybridClock,
        errors: ErrorsSeen,
        after: CollectionLedger,
        interval_s: float,
    ) -> None:
        self.name = f"{collection.name} errors"
        self.interval_s = interval_s
        self._collection = collection
        self._client = client
        self._sequence = sequence
        self._errors = errors
        self._after = after
        self._filters: tuple[str, ...] = _FILTERS
        self._queries: list[str] = []
        self._link: str | None = None
        self._listed: set[str] = set()
        self._unlisted: list[str] = []
        self._resting = True
        self._trail = Trail(self.name)

    @property
    def ready(self) -> bool:
        """Not while delta reads everything anyway."""
        return not self._after.in_round

    @property
    def resting(self) -> bool:
        """Whether the sweep is complete."""
        return self._resting

    @property
    def full_pass(self) -> str | None:
        """Never: a sweep emits differences only."""
        return None

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Nothing of its own: what was emitted is in ErrorsSeen, and a sweep cut short begins again."""

    def fetch(self) -> Any:
        """A page of objects with errors, or some that should have been listed. Raises RetriableError."""
        self._errors.ask()
        if self._unlisted:
            return self._read_again()
        if self._resting:
            self._begin()
        url = self._link or self._client.url(self._queries[0])
        try:
            page = self._client.get(url, _EVENTUAL)
        except GraphError as error:
            if error.status == 400 and self._filters and self._link is None:
                # This cloud cannot filter on errors: list everything instead, two properties an object.
                log.warning("errors cannot be filtered", collection=self._collection.name, error=str(error))
                self._filters = ()
                self._begin()
            raise RetriableError(str(error), retry_after_s=_REFUSED_WAIT_S if error.status != 400 else None) from error
        if not isinstance(page.get("value"), list):
            raise RetriableError(f"{self.name}: the page has no value; asking again")
        self._trail.after(url, page)
        return page

    def apply(self, answer: Any) -> Step:
        """Facts about objects whose errors differ from what was emitted."""
        step = Step()
        self._resting = False
        if isinstance(answer, ReadAgain):
            self._unlisted = [name for name in self._unlisted if name not in set(answer.asked)]
            items = answer.items
        else:
            items = answer["value"]
            self._follow(answer.get("@odata.nextLink"))
        newer = self._errors.newer
        for item in items:
            try:
                with refusing("the item"):
                    self._compare(item, newer, step)
            except InvalidRecordError as error:
                log.warning("unusable item", task=self.name, reason=error.reason)
        if not self._queries and not self._unlisted:
            if not isinstance(answer, ReadAgain):
                self._unlisted = [name for name in self._errors.ids() if name not in self._listed]
            self._resting = not self._unlisted
        seq = self._sequence.last
        step.checkpoints += self._errors.changes(seq, now_ms())
        return step

    def _begin(self) -> None:
        select = f"$select=id,{','.join(ERRORS)}&$top={_PAGE}"
        path = f"/{self._collection.name}?{select}"
        self._queries = [f"{path}&$count=true&$filter={quote(text)}" for text in self._filters] or [path]
        self._link, self._listed, self._trail = None, set(), Trail(self.name)

    def _follow(self, link: Any) -> None:
        self._link = link if isinstance(link, str) else None
        if self._link is None:
            self._queries.pop(0)

    def _compare(self, item: Any, newer: frozenset[str], step: Step) -> None:
        name = object_id(item)
        found = attributes_of(item, self._collection, full=False)
        errors = {each: found.get(each) or [] for each in ERRORS}
        if any(errors.values()):
            self._listed.add(name)
        if name in newer or not self._errors.differs(name, errors):
            return
        fact = Fact(
            op=Operation.UPDATED,
            object_id=name,
            seq=self._sequence.next(),
            ts_ms=now_ms(),
            kind=self._collection.kind,
            attributes=errors,
        )
        self._errors.note(fact)
        step.facts.append(fact)

    def _read_again(self) -> ReadAgain:
        asked = self._unlisted[:_READS]
        items = []
        for name in asked:
            path = f"/{self._collection.name}/{name}?$select=id,{','.join(ERRORS)}"
            try:
                items.append(self._client.get(self._client.url(path)))
            except GraphError as error:
                if error.status != 404:  # gone: delta tells
                    raise RetriableError(str(error), retry_after_s=_REFUSED_WAIT_S) from error
        return ReadAgain(asked, items)
