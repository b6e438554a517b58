"""Comparing what was emitted with what exists: after every full round, and once a day.

A full round may be partial and delta may miss something, so absence from it proves nothing. All ids of the
collection are listed, a second way to the same data: what is listed and was never emitted is read and
emitted; what was emitted and is not listed is asked for by id, and only what Graph then does not know is emitted as
gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from producers.graph.client import GraphClient, GraphError
from producers.graph.delta import DeltaTask, dead_letter
from producers.graph.mapping.objects import object_id
from producers.graph.task import Step
from producers.graph.trail import Trail
from producers.id_set import IdSet
from producers.refusing import refusing
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

# Of the listing; Graph's maximum for directory objects.
_PAGE = 999
# Ids per getByIds call; Graph takes 1000 (Microsoft Graph, directoryObject: getByIds).
_ASKED_AT_ONCE = 500
_READ_AT_ONCE = 20
_EVERY_MS = 24 * 3600 * 1000
_REFUSED_WAIT_S = 60.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of some ids: `items` were read whole, `living` exist, `gone` do not."""

    asked: list[str]
    items: list[dict[str, Any]]
    living: list[str]
    gone: list[str]


class VerifyTask:
    """Verifies one collection while its delta goes on; a kill begins the comparison anew."""

    interval_s = 0.0  # `ready` decides

    def __init__(self, client: GraphClient, delta: DeltaTask) -> None:
        self.name = f"{delta.name} verification"
        self._client = client
        self._delta = delta
        self._ledger = delta.ledger
        self._active = False
        self._link: str | None = None
        self._trail = Trail(self.name)
        self._listed = IdSet()
        self._untold = IdSet()
        self._missing: Iterator[str] | None = None
        self._asked: list[str] = []

    @property
    def ready(self) -> bool:
        """Once a full round is done, and then when a day has passed."""
        if self._ledger.in_round:
            self._active = False  # a new full round has begun: what was compared so far is worth nothing
            return False
        return self._active or self._ledger.unverified or now_ms() - self._ledger.verified_ms >= _EVERY_MS

    @property
    def resting(self) -> bool:
        """Whether the comparison is complete."""
        return not self._active

    @property
    def full_pass(self) -> str | None:
        """Part of the first snapshot; later ones go unnoticed."""
        return None if self._ledger.completed or self._ledger.in_round else "snapshot"

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Nothing of its own."""

    def fetch(self) -> Any:
        """A page of ids, or what became of some. Raises RetriableError."""
        try:
            if not self._active:
                self._trail = Trail(self.name)
                return self._ids(self._client.url(f"/{self._delta.name}?$select=id&$top={_PAGE}"), self._trail)
            if self._missing is None:
                return self._ids(self._link or "", self._trail)
            if len(self._untold):
                return self._read(list(islice(self._untold, _READ_AT_ONCE)))
            return self._ask(self._asked)
        except GraphError as error:
            hint = f"; grant the application {self._delta.collection.permission}" if error.status == 403 else ""
            raise RetriableError(f"{error}{hint}", retry_after_s=_REFUSED_WAIT_S) from error

    def apply(self, answer: Any) -> Step:
        """Facts about what delta did not tell."""
        step = Step()
        if not self.ready:
            return step  # the answer belongs to a comparison that a new full round has ended
        if isinstance(answer, Decided):
            self._settle(answer, step)
        else:
            self._note_page(answer)
        if not len(self._untold):
            for name in self._ledger.doubtful:
                self._untold.add(name)
        if self._missing is not None and not len(self._untold) and not self._asked:
            self._asked = list(islice(self._missing, _ASKED_AT_ONCE))
            if not self._asked:
                step.facts += self._delta.gone_again(now_ms())
                self._end()
        if self._active:
            self._ledger.compare()
        if step.facts or not self._active:
            self._delta.save(step)
        return step

    def _ids(self, url: str, trail: Trail) -> dict[str, Any]:
        page = self._client.get(url)
        if not isinstance(page.get("value"), list):
            raise RetriableError(f"{self.name}: the page has no value; asking again")
        trail.after(url, page)
        return page

    def _note_page(self, page: dict[str, Any]) -> None:
        if not self._active:
            self._active, self._missing = True, None
            self._listed, self._untold, self._asked = IdSet(), IdSet(), []
        for item in page["value"]:
            try:
                name = object_id(item)
            except InvalidRecordError:
                continue
            self._listed.add(name)
            if name not in self._ledger:
                self._untold.add(name)
        link = page.get("@odata.nextLink")
        self._link = link if isinstance(link, str) else None
        if self._link is None:
            self._missing = self._ledger.missing(self._listed)

    def _read(self, names: list[str]) -> Decided:
        """Read objects whole, with all their links."""
        select, items, gone = ",".join(("id", *self._delta.properties)), [], []
        for name in names:
            path = f"/{self._delta.name}/{name}"
            try:
                item = self._client.get(self._client.url(f"{path}?$select={select}"))
                for link in self._delta.collection.links:
                    if link in self._delta.collection.single:
                        item[f"{link}@delta"] = self._one(f"{path}/{link}?$select=id")
                    else:
                        item[f"{link}@delta"] = self._linked(f"{path}/{link}?$select=id&$top={_PAGE}")
                items.append(item)
            except GraphError as error:
                if error.status != 404:
                    raise
                gone.append(name)
        return Decided(names, items, [], gone)

    def _one(self, path: str) -> list[Any]:
        """The far end of a link that has one; [] where there is none, which Graph answers as not found."""
        try:
            return [self._client.get(self._client.url(path))]
        except GraphError as error:
            if error.status != 404:
                raise
            return []

    def _linked(self, path: str) -> list[Any]:
        ends: list[Any] = []
        url: Any = self._client.url(path)
        trail = Trail(self.name)
        while isinstance(url, str):
            page = self._ids(url, trail)
            ends += page["value"]
            url = page.get("@odata.nextLink")
        return ends

    def _ask(self, names: list[str]) -> Decided:
        """Which of `names` exist; where we may not ask for many at once, each is read."""
        body = {"ids": names, "types": [self._delta.collection.odata_type.rpartition(".")[2]]}
        try:
            found = self._client.post(self._client.url("/directoryObjects/getByIds?$select=id"), body).get("value")
        except GraphError as error:
            if error.status not in {400, 403}:
                raise
            return self._read(names[:_READ_AT_ONCE])
        if not isinstance(found, list):
            raise RetriableError(f"{self.name}: getByIds answers without value; asking again")
        living = {item["id"].lower() for item in found if isinstance(item, dict) and isinstance(item.get("id"), str)}
        return Decided(
            names, [], [name for name in names if name in living], [name for name in names if name not in living]
        )

    def _settle(self, decided: Decided, step: Step) -> None:
        # The answer may be older than what delta has named meanwhile: those objects are decided again.
        newer = self._ledger.newer
        ts_ms = now_ms()
        for item in decided.items:
            try:
                with refusing("the item"):
                    if object_id(item) not in newer:
                        self._delta.emit_read(item, ts_ms, step)
            except InvalidRecordError as error:
                step.rejected.append(dead_letter(item, error, ts_ms))
        step.facts += [self._delta.gone_fact(name, ts_ms) for name in decided.gone if name not in newer]
        done = set(decided.asked) - newer
        for name in done:
            self._untold.discard(name)
        for name in done.difference(decided.living):
            self._ledger.read_whole(name)
        for name in decided.living:
            if name not in self._ledger:
                self._untold.add(name)
        self._asked = [name for name in self._asked if name not in done]

    def _end(self) -> None:
        log.info("verified", task=self.name, objects=len(self._ledger))
        self._active, self._missing = False, None
        self._listed, self._untold = IdSet(), IdSet()
        self._ledger.verified(now_ms())
