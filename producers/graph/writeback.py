"""Which groups are marked for writeback to Active Directory: the beta of Graph alone tells, and not in delta.

So every so often all groups are listed with nothing but their mark, and compared with what was told. Where the
beta refuses (a national cloud, a missing right) the mark stays unknown, and nothing else suffers.

Source: microsoft-graph beta metadata, group.writebackConfiguration. A round costs a request per 999 groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from producers.graph.client import GraphClient, GraphError
from producers.graph.delta import DeltaTask
from producers.graph.mapping import object_id
from producers.graph.task import Step
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.facts import WRITEBACK_ENABLED, Fact, ObjectKind, Operation
from streams.runtime.clock import Sequence, now_ms
from streams.runtime.logs import get_logger

_PATH = "/groups?$select=id,writebackConfiguration&$top=999"
_REFUSED = frozenset({400, 403, 404})
_BUCKET_CHARACTERS = 1  # of the id, so 16 checkpoint parts: a few kB each at a thousand marked groups

log = get_logger(__name__)


class WritebackTask:
    """Tells marks that differ from what was told; those told survive a restart in checkpoint parts."""

    name = "groups writeback"

    def __init__(
        self, client: GraphClient, source: str, sequence: Sequence, after: DeltaTask, interval_s: float
    ) -> None:
        self.interval_s = interval_s
        self._client = client
        self._source = source
        self._sequence = sequence
        self._after = after
        self._told: dict[str, bool] = {}
        self._dirty: set[str] = set()
        self._link: str | None = None
        self._refusal: str | None = None

    @property
    def ready(self) -> bool:
        """Not while delta reads everything anyway."""
        return self._after.full_pass is None

    @property
    def resting(self) -> bool:
        """Whether the list is at its end."""
        return self._link is None

    @property
    def full_pass(self) -> str | None:
        """Never: it tells differences only."""
        return None

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Take back what was told; a round cut short begins again."""
        self._told, self._dirty, self._link = {}, set(), None
        for saved in checkpoints:
            if saved.source == self._source and saved.part.startswith(f"{self.name}/"):
                self._told |= saved.position.get("marks", {})

    def fetch(self) -> dict[str, Any] | None:
        """A page of groups; None where the beta does not tell. Raises RetriableError."""
        try:
            page = self._client.get(self._link or self._client.beta_url(_PATH))
        except GraphError as error:
            if error.status not in _REFUSED:
                raise RetriableError(str(error)) from error
            if self._refusal != error.code:
                log.warning("unknown", source=self._source, part=self.name, error=str(error))
            self._refusal = error.code
            return None
        if not isinstance(page.get("value"), list):
            raise RetriableError(f"{self.name}: the page has no value; asking again")
        self._refusal = None
        return page

    def apply(self, answer: dict[str, Any] | None) -> Step:
        """Facts about groups whose mark differs from what was told."""
        step = Step()
        if answer is None:
            self._link = None
            return step
        following = answer.get("@odata.nextLink")
        self._link = following if isinstance(following, str) else None
        for item in answer["value"]:
            try:
                self._compare(object_id(item), _mark(item), step)
            except InvalidRecordError as error:
                log.warning("unusable item", task=self.name, reason=error.reason)
        step.checkpoints += self._changes()
        return step

    def complete(self, facts: Iterable[Fact]) -> None:
        """Add the mark to complete statements about groups: what one does not name would count as not set."""
        for fact in facts:
            if fact.kind is not ObjectKind.GROUP or fact.object_id not in self._told:
                continue
            if fact.op is Operation.DELETED:
                self._note(fact.object_id, None)  # if it comes back, it is told again
            elif fact.full:
                fact.attributes[WRITEBACK_ENABLED] = self._told[fact.object_id]

    def _compare(self, name: str, mark: bool | None, step: Step) -> None:
        if self._told.get(name) == mark:
            return
        self._note(name, mark)
        step.facts.append(
            Fact(
                op=Operation.UPDATED,
                object_id=name,
                seq=self._sequence.next(),
                ts_ms=now_ms(),
                kind=ObjectKind.GROUP,
                attributes={WRITEBACK_ENABLED: mark},
            )
        )

    def _note(self, name: str, mark: bool | None) -> None:
        if mark is None:
            self._told.pop(name, None)
        else:
            self._told[name] = mark
        self._dirty.add(name[:_BUCKET_CHARACTERS])

    def _changes(self) -> list[Checkpoint]:
        dirty, self._dirty = self._dirty, set()
        parts: dict[str, dict[str, bool]] = {bucket: {} for bucket in sorted(dirty)}
        for name, mark in self._told.items():
            if name[:_BUCKET_CHARACTERS] in parts:
                parts[name[:_BUCKET_CHARACTERS]][name] = mark
        seq, ts_ms = self._sequence.last, now_ms()
        return [
            Checkpoint(
                source=self._source,
                part=f"{self.name}/{bucket}",
                seq=seq,
                ts_ms=ts_ms,
                position={"marks": marks} if marks else {},
            )
            for bucket, marks in parts.items()
        ]


def _mark(item: dict[str, Any]) -> bool | None:
    """True or false as somebody has set it; None where nobody has."""
    configuration = item.get("writebackConfiguration")
    enabled = configuration.get("isEnabled") if isinstance(configuration, dict) else None
    return enabled if isinstance(enabled, bool) else None
