"""Delta rounds of one collection: everything once, then what changed, and everything again if we must.

    full round ──► (resync: confirm what was not seen) ──► delta rounds ──► …
        ▲                                                        │
        └── 410, 400 syncStateNotFound, an expired page ─────────┘

Mode: Graph's default, without `Prefer: return=minimal`. Then an item of a full round is complete (what it lacks
was never set), while later items hold "at least" what changed, so they count as partial (Microsoft Graph,
"Use delta query to track changes in Microsoft Graph data"). Only the first item of an object in a full round is
taken as complete: a large group comes in several.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from producers import metrics
from producers.graph.client import GraphClient, GraphError
from producers.graph.collections import Collection
from producers.graph.errors_seen import ErrorsSeen
from producers.graph.mapping import facts_of_item, is_removed, object_id
from producers.graph.task import Step
from producers.known import KnownIds
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.facts import Fact, Operation
from streams.runtime.clock import Sequence, now_ms
from streams.runtime.logs import get_logger

# Ids per getByIds call; Graph takes 1000 (Microsoft Graph, directoryObject: getByIds).
_CONFIRM_IDS = 500
# Of these, so many are read one by one if Graph says they live after all.
_CONFIRM_READS = 20
_REFUSED_WAIT_S = 60.0
_UNSUPPORTED = re.compile(r"not supported for the following properties?: *([\w, ]+)", re.IGNORECASE)
_LOST = re.compile(r"syncStateNotFound|resync|ExpiredPageToken", re.IGNORECASE)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lost:
    """Graph no longer knows our place."""

    reason: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of ids that a full round did not show: read again, or gone."""

    living: list[dict[str, Any]]
    gone: list[str]


class DeltaTask:
    """One collection's delta. See producers.graph.task.Task for who calls what.

    The position is `link` (what to fetch next; None: start a full round), `anchor` (the last deltaLink, to
    return to if a page of a delta round expires) and `phase`. `completed`: everything was read at least once.
    Known ids are kept twice during a resync: `_known` from before, `_seen` of the round under way.
    """

    def __init__(
        self,
        collection: Collection,
        client: GraphClient,
        source: str,
        sequence: Sequence,
        errors: ErrorsSeen,
        interval_s: float,
    ) -> None:
        self.name = collection.name
        self.interval_s = interval_s
        self._collection = collection
        self._client = client
        self._source = source
        self._sequence = sequence
        self._errors = errors
        self._properties = collection.properties
        self._phase: Literal["full", "confirm", "delta"] = "full"
        self._link: str | None = None
        self._anchor: str | None = None
        self._resting = False
        self._first_pass = True
        self.completed = False
        self._generations = {name: KnownIds(source, f"{self.name}/known-{name}") for name in ("a", "b")}
        self._current = "a"
        self._to_confirm: list[str] = []
        self._missing: Iterator[str] = iter(())

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
        """ "snapshot" in the first full round, "resync" in later ones."""
        if self._phase == "delta":
            return None
        return "resync" if self.completed else "snapshot"

    @property
    def _known(self) -> KnownIds:
        return self._generations[self._current]

    @property
    def _seen(self) -> KnownIds:
        """The ids of the full round under way: the other generation, unless nothing was known before."""
        return self._known if self._first_pass else self._generations["b" if self._current == "a" else "a"]

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Go on where the saved parts say."""
        for known in self._generations.values():
            known.restore(checkpoints)
        self._errors.restore(checkpoints)
        for saved in checkpoints:
            if saved.part == self.name and saved.position:
                position = saved.position
                self._phase, self._link, self._anchor = position["phase"], position["link"], position["anchor"]
                self._current, self._first_pass = position["known"], position["first_pass"]
                self.completed = position["completed"]
        self._compare_if_known()
        if self._phase == "delta":
            self._generations["b" if self._current == "a" else "a"].clear()  # the rest of a finished resync
        elif self._link is None and not self._first_pass:
            self._seen.clear()
        if self._phase == "confirm":
            self._missing = self._known.difference(self._seen)
            self._take_missing()

    def fetch(self) -> Any:
        """The next page, Lost, or what became of missing ids. Raises RetriableError."""
        try:
            if self._phase == "confirm":
                return self._confirm()
            return self._whole(self._first_page() if self._link is None else self._client.get(self._link))
        except GraphError as error:
            following = self._phase != "confirm" and self._link is not None
            if following and (error.status == 410 or _LOST.search(error.code)):
                return Lost(error.code)
            hint = f"; grant the application {self._collection.permission}" if error.status == 403 else ""
            raise RetriableError(f"{error}{hint}", retry_after_s=_REFUSED_WAIT_S) from error

    def apply(self, answer: Any) -> Step:
        """Facts and position of what `fetch` brought."""
        step = Step()
        self._resting = False
        if isinstance(answer, Lost):
            self._start_over(answer)
        elif isinstance(answer, Confirmed):
            self._apply_confirmed(answer, step)
        else:
            self._apply_page(answer, step)
        for fact in step.facts:
            self._errors.note(fact)
        self._save(step)
        return step

    def _first_page(self) -> dict[str, Any]:
        """The start of a full round; a property that delta does not support is dropped and asked for no more."""
        while True:
            select = ",".join((*self._properties, *self._collection.links))
            try:
                return self._client.get(self._client.url(f"/{self.name}/delta?$select={select}"))
            except GraphError as error:
                refused = _UNSUPPORTED.search(str(error)) if error.status == 400 else None
                names = set(re.split(r"[ ,]+", refused[1].strip())) if refused else set()
                kept = tuple(name for name in self._properties if name not in names)
                if kept == self._properties:
                    raise
                log.warning("delta does not support properties", collection=self.name, dropped=sorted(names))
                self._properties = kept

    def _whole(self, page: dict[str, Any]) -> dict[str, Any]:
        link = page.get("@odata.nextLink") or page.get("@odata.deltaLink")
        if not isinstance(page.get("value"), list) or not isinstance(link, str):
            raise RetriableError(f"{self.name}/delta: the page has no value or no link; asking again")
        self._client.require_own(link)
        return page

    def _apply_page(self, page: dict[str, Any], step: Step) -> None:
        items, following, done = page["value"], page.get("@odata.nextLink"), page.get("@odata.deltaLink")
        if self._link is None and not self._first_pass and self._phase == "full":
            self._seen.clear()
        ts_ms = now_ms()
        for item in items:
            try:
                step.facts += self._facts(item, ts_ms)
            except InvalidRecordError as error:
                step.rejected.append(_dead_letter(item, error, ts_ms))
        if following:
            self._link = following
        elif self._phase == "full":
            self._end_full_round(done)
        else:
            self._link = self._anchor = done
            self._resting = True

    def _facts(self, item: Any, ts_ms: int) -> list[Fact]:
        name = object_id(item)
        full_round = self._phase == "full"
        known = self._seen if full_round else self._known
        if is_removed(item):
            facts = list(facts_of_item(item, self._collection, Operation.DELETED, self._sequence, ts_ms, full=False))
            known.discard(name)
            self._known.discard(name)
            return facts
        first = name not in known
        op = (Operation.READ if full_round else Operation.CREATED) if first else Operation.UPDATED
        full = full_round and first
        facts = list(facts_of_item(item, self._collection, op, self._sequence, ts_ms, full=full))
        known.add(name)
        return facts

    def _end_full_round(self, delta_link: str | None) -> None:
        self._link = self._anchor = delta_link
        if self._first_pass:
            self._enter_delta()
            return
        self._phase = "confirm"
        self._missing = self._known.difference(self._seen)
        self._take_missing()
        if not self._to_confirm:
            self._finish_resync()

    def _take_missing(self) -> None:
        self._to_confirm = list(islice(self._missing, _CONFIRM_IDS))

    def _confirm(self) -> Confirmed:
        """Ask for ids the full round did not show: a partial answer is not a deletion."""
        asked = self._to_confirm
        living = self._living(asked)
        gone = [name for name in asked if name not in living]
        select = ",".join(self._properties)
        items = []
        for name in [name for name in asked if name in living][:_CONFIRM_READS]:
            try:
                items.append(self._client.get(self._client.url(f"/{self.name}/{name}?$select={select}")))
            except GraphError as error:
                if error.status != 404:
                    raise
                gone.append(name)
        return Confirmed(items, gone)

    def _living(self, asked: list[str]) -> set[str]:
        """Those that Graph says exist; all of them where we may not ask for many at once."""
        body = {"ids": asked, "types": [self._collection.odata_type.rpartition(".")[2]]}
        try:
            found = self._client.post(self._client.url("/directoryObjects/getByIds?$select=id"), body).get("value")
        except GraphError as error:
            if error.status not in {400, 403}:
                raise
            return set(asked)
        if not isinstance(found, list):
            raise RetriableError("getByIds: the answer has no value; asking again")
        return {object_id(item) for item in found}

    def _apply_confirmed(self, answer: Confirmed, step: Step) -> None:
        ts_ms = now_ms()
        for item in answer.living:
            # Its members are not told here; they stay what they were.
            facts = facts_of_item(item, self._collection, Operation.READ, self._sequence, ts_ms, full=False)
            step.facts += facts
            self._seen.add(object_id(item))
        for name in answer.gone:
            step.facts.append(
                Fact(
                    op=Operation.DELETED,
                    object_id=name,
                    seq=self._sequence.next(),
                    ts_ms=ts_ms,
                    kind=self._collection.kind,
                )
            )
            self._known.discard(name)
        decided = {object_id(item) for item in answer.living} | set(answer.gone)
        self._to_confirm = [name for name in self._to_confirm if name not in decided]
        if not self._to_confirm:
            self._take_missing()
        if not self._to_confirm:
            self._finish_resync()

    def _finish_resync(self) -> None:
        before = self._known
        self._current = "b" if self._current == "a" else "a"
        before.clear()
        self._enter_delta()

    def _enter_delta(self) -> None:
        log.info("full pass done", source=self._source, collection=self.name, objects=len(self._known))
        self._phase, self._first_pass, self._resting = "delta", False, True
        self.completed = True

    def _start_over(self, lost: Lost) -> None:
        if self._phase == "delta" and self._anchor is not None and self._link != self._anchor:
            # Only a page has expired; the round can be asked for again from its deltaLink.
            log.warning("a page expired", source=self._source, collection=self.name, code=lost.reason)
            self._link, self._anchor = self._anchor, None
            return
        log.warning("position lost, full resync", source=self._source, collection=self.name, code=lost.reason)
        metrics.RESYNCS.labels(self._source, "position_refused").inc()
        self._phase, self._link, self._anchor = "full", None, None
        self._compare_if_known()

    def _compare_if_known(self) -> None:
        """A full round that begins with ids known (of a first one cut short) must account for them at its end."""
        if self._phase == "full" and self._link is None and len(self._known):
            self._first_pass = False

    def _save(self, step: Step) -> None:
        seq, ts_ms = self._sequence.last, now_ms()
        for known in self._generations.values():
            step.checkpoints += known.changes(seq, ts_ms)
        step.checkpoints += self._errors.changes(seq, ts_ms)
        position = {
            "phase": self._phase,
            "link": self._link,
            "anchor": self._anchor,
            "known": self._current,
            "first_pass": self._first_pass,
            "completed": self.completed,
        }
        step.checkpoints.append(
            Checkpoint(source=self._source, part=self.name, seq=seq, ts_ms=ts_ms, position=position)
        )


def _dead_letter(item: Any, error: InvalidRecordError, ts_ms: int) -> DeadLetter:
    return DeadLetter(
        reason=error.reason,
        error=str(error),
        stage="source",
        ts_ms=ts_ms,
        original=base64.b64encode(encode(item)).decode("ascii"),
    )
