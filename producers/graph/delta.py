"""Delta rounds of one collection: everything once, then what changed, and everything again if we must.

    full round ──► delta rounds ──► …
        ▲               │
        └───────────────┘  410, 400 syncStateNotFound

Mode: Graph's default, without `Prefer: return=minimal`. Then an item of a full round is complete (what it lacks
was never set), while later items hold "at least" what changed, so they count as partial (Microsoft Graph,
"Use delta query to track changes in Microsoft Graph data"). Only the first item of an object in a full round is
taken as complete: a large group comes in several.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from producers import metrics
from producers.graph.client import GraphClient, GraphError
from producers.graph.collection_ledger import CollectionLedger, SavedLedger
from producers.graph.collections import Collection
from producers.graph.errors_seen import ErrorsSeen
from producers.graph.mapping.objects import facts_of_item, is_removed, names_of, object_id, readable
from producers.graph.page import UnreadableItem
from producers.graph.task import Step
from producers.graph.trail import Trail
from producers.refusing import refusing
from producers.saved import past_ms
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import convert, encode
from streams.contracts.deadletter import LONGEST_ORIGINAL, DeadLetter
from streams.contracts.deadletter import dead_letter as refusal
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.facts import Fact, Operation
from streams.contracts.flows import NOT_SELECTED
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger

_REFUSED_WAIT_S = 60.0
# A poll without news moves nothing but the deltaLink, and an older one says the same: save it only so often.
_QUIET_SAVE_MS = 60_000
_UNSUPPORTED = re.compile(
    r"not supported for the following properties?: *([\w, ]+)|could not find a property named '(\w+)'", re.IGNORECASE
)
_LOST = re.compile(r"syncStateNotFound|resync|ExpiredPageToken", re.IGNORECASE)

log = get_logger(__name__)


class _Saved(SavedLedger, kw_only=True):
    """What `save` writes."""

    link: str | None
    anchor: str | None
    selection: str = ""
    singles_since_ms: int = 0
    dropped: list[str] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lost:
    """Graph no longer accepts our deltaLink or nextLink."""

    reason: str


class DeltaTask:
    """One collection's delta. See producers.graph.task.Task for who calls what.

    The position is `link` (what to fetch next; None: start a full round), `anchor` (the last deltaLink, to
    return to if a page of a delta round expires) and what the ledger knows.

    ledger:     what was emitted, and what of it is to be verified.
    properties: what is asked for: those of the collection that Graph does not refuse.
    read_ms:    when the last round began that has ended since the start; 0: none.
    singles_since_ms: since when it is known that links with one far end are told here at all: some tenants' delta is
                reported to leave them out (microsoftgraph/microsoft-graph-docs#15842); 0: not yet.
    """

    def __init__(
        self,
        collection: Collection,
        client: GraphClient,
        source: str,
        sequence: HybridClock,
        errors: ErrorsSeen,
        interval_s: float,
    ) -> None:
        self.name = collection.name
        self.interval_s = interval_s
        self.collection = collection
        self.ledger = CollectionLedger(source, self.name, several_lists=len(collection.links) > len(collection.single))
        self.read_ms = 0
        self.singles_since_ms = 0
        self._properties = collection.properties
        self._links = collection.links
        self._has_single_links = False
        self._saved_ms = self._began_ms = 0
        self._client = client
        self._source = source
        self._sequence = sequence
        self._errors = errors
        self._link: str | None = None
        self._anchor: str | None = None
        self._resting = False
        self._trail = Trail(f"{self.name}/delta")

    @property
    def properties(self) -> tuple[str, ...]:
        return self._properties

    @property
    def ready(self) -> bool:
        """Always."""
        return True

    @property
    def resting(self) -> bool:
        """Whether the last answer ended a round."""
        return self._resting

    @property
    def full_pass(self) -> str | None:
        """ "snapshot" until everything was read once, "resync" in later full rounds."""
        if not self.ledger.in_round:
            return None
        return "resync" if self.ledger.completed else "snapshot"

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Go on from the saved parts."""
        self._errors.restore(checkpoints)
        stored = next((saved.position for saved in checkpoints if saved.part == self.name and saved.position), None)
        position = None if stored is None else self._readable(stored)
        intact = self.ledger.restore(checkpoints, position)
        if not intact or (stored is not None and position is None):
            log.error("the position cannot be read, full round", source=self._source, collection=self.name)
            metrics.RESYNCS.labels(self._source, "position_unreadable").inc()
        if position is not None and intact:
            self._link, self._anchor = position.link, position.anchor
            self.singles_since_ms = past_ms(position.singles_since_ms)
            if position.selection == self.collection.selection:
                self._drop(set(position.dropped))
            else:
                log.warning("other properties are read than so far, full round", collection=self.name)
                metrics.RESYNCS.labels(self._source, "other_properties").inc()
                self._link = self._anchor = None
        if self._link is None:
            self._begin_full_round()

    def _readable(self, saved: dict[str, Any]) -> _Saved | None:
        """A saved position, if it is one of this version and leads to our own Graph."""
        try:
            position = convert(saved, _Saved)
            for link in (position.link, position.anchor):
                if link is not None:
                    self._client.require_own(link)
        except (InvalidRecordError, RetriableError):
            return None
        return position

    def fetch(self) -> Any:
        """The next page, or Lost. Raises RetriableError."""
        if self._resting or not self._began_ms:
            self._began_ms = now_ms()
        try:
            if self._link is None or self._link == self._anchor:
                self._trail = Trail(f"{self.name}/delta")
            return self._whole(self._first_page() if self._link is None else self._client.get(self._link))
        except GraphError as error:
            if self._link is not None and (error.status == 410 or _LOST.search(error.code)):
                return Lost(error.code)
            hint = f"; grant the application {self.collection.permission}" if error.status == 403 else ""
            raise RetriableError(f"{error}{hint}", retry_after_s=_REFUSED_WAIT_S) from error

    def apply(self, answer: Any) -> Step:
        """Facts and position of what `fetch` brought."""
        step = Step()
        self._resting, between_polls = False, not self.ledger.in_round and self._link == self._anchor
        if isinstance(answer, Lost):
            self._start_over(answer)
        else:
            self._apply_page(answer, step)
        quiet = between_polls and self._resting and not step.facts and not step.rejected
        if not quiet or now_ms() - self._saved_ms >= _QUIET_SAVE_MS:
            self.save(step)
        return step

    def emit_read(self, item: dict[str, Any], ts_ms: int, step: Step) -> None:
        """Emit an object that was read by itself, with its links, because delta left it out; values that cannot be read
        become dead letters. Raises InvalidRecordError.
        """
        kept, refused, whole = readable(item, self.collection)
        facts = list(facts_of_item(kept, self.collection, Operation.READ, self._sequence, ts_ms, full=whole))
        self.ledger.emitted(object_id(item))
        step.facts += self._not_selected(facts)
        step.rejected += [dead_letter(part, why, ts_ms) for why, part in refused]

    def gone_fact(self, name: str, ts_ms: int) -> Fact:
        """The deletion of an object that is known to be gone although delta did not say so."""
        self.ledger.gone(name)
        return self._gone_fact(name, ts_ms)

    def gone_again(self, ts_ms: int) -> list[Fact]:
        """Where the full round was ordered: deletions of what was emitted as gone and did not come back."""
        return [self._gone_fact(name, ts_ms) for name in self.ledger.gone_again()]

    def emit_again(self, step: Step) -> bool:
        """Begin a full round that emits everything again; what is on the wire must not be applied any more.

        False where nothing was ever emitted.
        """
        if self.ledger.is_empty:
            return False
        metrics.RESYNCS.labels(self._source, "ordered").inc()
        self._begin_full_round(ordered=True)
        self._resting = False
        self.save(step)
        return True

    def _gone_fact(self, name: str, ts_ms: int) -> Fact:
        seq, kind = self._sequence.next(), self.collection.kind
        return Fact(op=Operation.DELETED, object_id=name, seq=seq, ts_ms=ts_ms, kind=kind)

    def save(self, step: Step) -> None:
        """Note the errors in the step's facts, and add every changed part: the ids, the position
        that relies on them, and last what no position needs any more.
        """
        for fact in step.facts:
            self._errors.note(fact)
        seq, ts_ms = self._sequence.last, now_ms()
        step.checkpoints += self.ledger.before_position(seq, ts_ms)
        step.checkpoints += self._errors.changes(seq, ts_ms)
        self._saved_ms = ts_ms
        position = {
            **self.ledger.position(),
            "link": self._link,
            "anchor": self._anchor,
            "selection": self.collection.selection,
            "singles_since_ms": self.singles_since_ms,
            "dropped": [name for name in self._asked if name not in {*self._properties, *self._links}],
        }
        step.checkpoints.append(
            Checkpoint(source=self._source, part=self.name, seq=seq, ts_ms=ts_ms, position=position)
        )
        step.checkpoints += self.ledger.after_position(seq, ts_ms)

    def _first_page(self) -> dict[str, Any]:
        """The start of a full round; a property that delta does not support is dropped and asked for no more."""
        while True:
            select = ",".join((*self._properties, *self._links))
            try:
                return self._client.get(self._client.url(f"/{self.name}/delta?$select={select}"))
            except GraphError as error:
                refused = _UNSUPPORTED.search(str(error)) if error.status == 400 else None
                names = set(re.split(r"[ ,]+", (refused[1] or refused[2]).strip())) if refused else set()
                if not self._drop(names):
                    raise
                log.warning("delta does not support properties", collection=self.name, dropped=sorted(names))

    def _drop(self, names: set[str]) -> bool:
        """Ask for these no more; False where none of them was asked for, or delta is worth nothing without."""
        before = (*self._properties, *self._links)
        self._properties = tuple(name for name in self._properties if name not in names)
        self._links = tuple(name for name in self._links if name not in names & self.collection.single)
        return before != (*self._properties, *self._links)

    @property
    def _asked(self) -> tuple[str, ...]:
        return (*self.collection.properties, *self.collection.links)

    def _whole(self, page: dict[str, Any]) -> dict[str, Any]:
        link = page.get("@odata.nextLink") or page.get("@odata.deltaLink")
        if not isinstance(page.get("value"), list) or not isinstance(link, str):
            raise RetriableError(f"{self.name}/delta: the page has no value or no link; asking again")
        self._client.require_own(link)
        self._trail.after(self._link or "", page)
        return page

    def _apply_page(self, page: dict[str, Any], step: Step) -> None:
        ts_ms = now_ms()
        for item in page["value"]:
            try:
                with refusing("the item"):
                    step.facts += self._facts(item, ts_ms)
            except InvalidRecordError as error:
                self._salvage(item, error, ts_ms, step)
        following, done = page.get("@odata.nextLink"), page.get("@odata.deltaLink")
        if following:
            self._link = following
            return
        self._link = self._anchor = done
        self._resting, self.read_ms = True, self._began_ms
        if self._has_single_links and not self.singles_since_ms:
            self.singles_since_ms = ts_ms
        if self.ledger.in_round:
            self.ledger.end_round()
            log.info("full round done", source=self._source, collection=self.name, objects=len(self.ledger))

    def _salvage(self, item: Any, error: InvalidRecordError, ts_ms: int, step: Step) -> None:
        """Emit what can be read of the item; each value that cannot be read becomes a dead letter of its own."""
        try:
            with refusing("the item"):
                kept, refused, whole = readable(item, self.collection)
                if not refused:
                    raise error
                step.facts += self._facts(kept, ts_ms, whole=whole)
        except InvalidRecordError as whole_error:
            step.rejected.append(dead_letter(item, whole_error, ts_ms))
        else:
            step.rejected += [dead_letter(part, why, ts_ms) for why, part in refused]

    def _facts(self, item: Any, ts_ms: int, *, whole: bool = True) -> list[Fact]:
        """whole: nothing of it was left out; what lacks in another one is not known to be unset."""
        name, removed = object_id(item), is_removed(item)
        first = self.ledger.named(name, removed=removed)
        self._has_single_links |= any(f"{link}@delta" in item for link in self.collection.single)
        if removed:
            facts = list(facts_of_item(item, self.collection, Operation.DELETED, self._sequence, ts_ms, full=False))
            self.ledger.gone(name)
            return facts
        op = (Operation.READ if self.ledger.in_round else Operation.CREATED) if first else Operation.UPDATED
        full = first and self.ledger.in_round and whole
        facts = list(facts_of_item(item, self.collection, op, self._sequence, ts_ms, full=full))
        self.ledger.emitted(name)
        return self._not_selected(facts) if full else facts

    def _not_selected(self, facts: list[Fact]) -> list[Fact]:
        """Add NOT_SELECTED: the properties that delta refuses to select are unknown, not unset."""
        dropped = [name for name in self.collection.properties if name not in self._properties]
        missing = [part for name in dropped for part in names_of(name)]
        if missing:
            facts[0].attributes[NOT_SELECTED] = missing
        return facts

    def _start_over(self, lost: Lost) -> None:
        if not self.ledger.in_round and self._anchor is not None and self._link != self._anchor:
            # Only a page has expired; the round can be asked for again from its deltaLink.
            log.warning("a page expired", source=self._source, collection=self.name, code=lost.reason)
            self._link, self._anchor = self._anchor, None
            return
        log.warning("position lost, full round", source=self._source, collection=self.name, code=lost.reason)
        metrics.RESYNCS.labels(self._source, "position_refused").inc()
        self._begin_full_round()

    def _begin_full_round(self, *, ordered: bool = False) -> None:
        self._link = self._anchor = None
        self.ledger.begin_round(ordered=ordered)


def dead_letter(item: Any, error: InvalidRecordError, ts_ms: int) -> DeadLetter:
    """An item of Graph that cannot be mapped, whole."""
    name = item.get("id") if isinstance(item, dict) else None
    return refusal(
        error.reason,
        str(error),
        stage="source",
        ts_ms=ts_ms,
        original=written(item),
        key=name if isinstance(name, str) else None,
    )


def written(item: Any) -> bytes:
    """An item of Graph in bytes, whatever it is."""
    if isinstance(item, UnreadableItem):
        return item.raw
    try:
        return encode(item)
    except (TypeError, ValueError, RecursionError):  # read, but not to be written: nested too deep, or no UTF-8
        return repr(item)[:LONGEST_ORIGINAL].encode("utf-8", "backslashreplace")
