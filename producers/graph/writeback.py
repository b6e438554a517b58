"""Which groups are marked for writeback to Active Directory: the beta of Graph alone tells, and not in delta.

So every so often all groups are listed with nothing but their mark, and compared with what was emitted. Where the
beta refuses (a national cloud, a missing right) the mark stays unknown, and nothing else suffers.

Source: microsoft-graph beta metadata, group.writebackConfiguration. A round costs a request per 999 groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from producers.graph.client import GraphClient
from producers.graph.collection_ledger import CollectionLedger
from producers.graph.listing import Listing
from producers.graph.mapping.objects import object_id
from producers.graph.task import Step
from producers.refusing import refusing
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import WRITEBACK_ENABLED, Fact, ObjectKind, Operation
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger

_PATH = "/groups?$select=id,writebackConfiguration&$top=999"
_REFUSED = frozenset({400, 403, 404})

log = get_logger(__name__)


class WritebackTask(Listing[bool]):
    """Emits marks that differ from what was emitted. A refusal is no finding of its own: marks are the beta's."""

    def __init__(
        self, client: GraphClient, source: str, sequence: HybridClock, after: CollectionLedger, interval_s: float
    ) -> None:
        super().__init__(
            "groups writeback",
            client,
            source,
            sequence,
            interval_s,
            refused=_REFUSED,
            value_type=bool,
            bucket_characters=1,
        )
        self._after = after

    @property
    def ready(self) -> bool:
        """Not while delta reads everything anyway."""
        return not self._after.in_round

    def apply(self, answer: dict[str, Any] | None) -> Step:
        """Facts about groups whose mark differs from what was emitted."""
        step = Step()
        if answer is None:
            self._link = None
            return step
        self._follow(answer)
        for item in answer["value"]:
            try:
                with refusing("the item"):
                    self._compare(object_id(item), _mark(item), step)
            except InvalidRecordError as error:
                log.warning("unusable item", task=self.name, reason=error.reason)
        step.checkpoints += self._changes(now_ms())
        return step

    def complete(self, facts: Iterable[Fact]) -> None:
        """Add the mark to complete statements about groups: what one does not name would count as not set."""
        for fact in facts:
            if fact.kind is not ObjectKind.GROUP or fact.object_id not in self._emitted:
                continue
            if fact.op is Operation.DELETED:
                self._note(fact.object_id, None)  # if it comes back, it is told again
            elif fact.full:
                fact.attributes[WRITEBACK_ENABLED] = self._emitted[fact.object_id]

    def _compare(self, name: str, mark: bool | None, step: Step) -> None:
        if self._emitted.get(name) == mark:
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

    def _first_page(self) -> dict[str, Any]:
        return self._client.get(self._client.beta_url(_PATH))


def _mark(item: dict[str, Any]) -> bool | None:
    """True or false as somebody has set it; None where nobody has."""
    configuration = item.get("writebackConfiguration")
    enabled = configuration.get("isEnabled") if isinstance(configuration, dict) else None
    return enabled if isinstance(enabled, bool) else None
