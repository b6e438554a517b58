"""A lab told to the pure pipeline as its sources would tell it: at each look, what differs from the look before.

The oracle gets the same lab, whole, with those objects that were there once and are gone.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from deploy.lab.hybrid import HybridOrganisation
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Operation, Origin, TenantState
from streams.contracts.finding import Finding
from streams.detections.registry import Registered
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject, expected_counts, expected_findings
from tests.support.lab_events import LabEvents
from tests.support.lab_oracle import LabObjects, forest_of_directory, state_of_tenant
from tests.support.pipeline import Pipeline

Key = tuple[str, str]


class LabStream:
    """`look` feeds the pipeline; `counts`, `expected_counts` and the like are compared afterwards."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._lab = lab
        self._directories = LabObjects([forest.store for forest in lab.forests], lab.tenant)
        self._logs = LabEvents(lab)
        self.scopes = {
            forest.name: Scope(list(forest.scope.include), hybrid_join=forest.hybrid_join) for forest in lab.forests
        }
        self.pipeline = Pipeline(self.scopes)
        self.facts = 0
        self._states: dict[Key, ObjectState] = {}
        self._events: dict[str, Event] = {}
        self._seq = 0
        self._now_ms = 0

    def look(self, now_ms: int) -> None:
        """Tell what has changed since the last look, in any order of the sources; then a tick."""
        if self._now_ms == 0:
            self.pipeline.tell(self._tenant(now_ms))
        self._now_ms = now_ms
        found = {(item.state.side, item.state.object_id): item.state for item in self._objects(now_ms)}
        for key, state in found.items():
            before = self._states.get(key)
            if before is None or not before.alive or before.attributes != state.attributes:
                self._states[key] = _since(before, state, now_ms)
                self._tell(state, Operation.READ)
        for key, state in list(self._states.items()):
            if key not in found and state.alive:
                self._states[key] = msgspec.structs.replace(state, alive=False, changed_ms=now_ms)
                self._tell(self._states[key], Operation.DELETED)
        fresh = [event for event in self._logs.read() if event.id not in self._events]
        self._events |= {event.id: event for event in fresh}
        self.pipeline.log(fresh, now_ms=now_ms)
        self.pipeline.tick(now_ms)

    @property
    def counts(self) -> Counter[str]:
        """What the stream counts; places where nobody stands any more left out."""
        return +self.pipeline.partition.counts

    def expected_counts(self) -> Counter[str]:
        """What the oracle counts, from the directories as they stood at the last look."""
        tenants = {self._lab.tenant.tenant_id: self._tenant(self._now_ms)}
        return expected_counts(self._whole(), tenants, self.scopes, now_ms=self._now_ms, events=self._events.values())

    def expected_findings(self, rules: list[Registered]) -> dict[str, Finding]:
        """What the oracle finds wrong with the directories as they stood at the last look."""
        tenants = {self._lab.tenant.tenant_id: self._tenant(self._now_ms)}
        return expected_findings(
            self._whole(), tenants, self.scopes, rules, now_ms=self._now_ms, events=self._events.values()
        )

    def _whole(self) -> list[OracleObject]:
        return [OracleObject(msgspec.structs.replace(state)) for state in self._states.values()]

    def _objects(self, now_ms: int) -> list[OracleObject]:
        lab = self._lab
        found = self._directories.read(now_ms)
        watched = [forest.store for forest in lab.forests if forest.hybrid_join]
        return found + [forest_of_directory(store, lab.tenant.tenant_id, now_ms) for store in watched]

    def _tell(self, state: ObjectState, op: Operation) -> None:
        self._seq += 1
        self.facts += 1
        name = f"{state.side}/{state.forest or state.tenant}"
        origin = Origin(name=name, side=state.side, tenant=state.tenant, forest=state.forest)  # type: ignore[arg-type]
        whole = {"kind": state.kind, "full": True, "attributes": dict(state.attributes)} if state.alive else {}
        fact = Fact(op=op, object_id=state.object_id, seq=self._seq, ts_ms=self._now_ms, **whole)  # type: ignore[arg-type]
        self.pipeline.feed(origin, [fact], now_ms=self._now_ms)

    def _tenant(self, now_ms: int) -> TenantState:
        return msgspec.structs.replace(state_of_tenant(self._lab.tenant), ts_ms=now_ms)


def _since(before: ObjectState | None, state: ObjectState, now_ms: int) -> ObjectState:
    """The state with what was seen to change, which the oracle must be told."""
    if before is None:
        return msgspec.structs.replace(state, first_ms=now_ms)
    names = before.attributes.keys() | state.attributes.keys()
    news = {name: now_ms for name in names if before.attributes.get(name) != state.attributes.get(name)}
    revived_ms = before.revived_ms if before.alive else now_ms
    return msgspec.structs.replace(
        state, first_ms=before.first_ms, changed=before.changed | news, revived_ms=revived_ms
    )
