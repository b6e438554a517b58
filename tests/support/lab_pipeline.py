"""The pure pipeline beside a lab: each look is a poll of both directories, the tenant and the logs, at the lab's time.

Where the oracle sees objects as they stand, this audience sees them change, as the rules on lateness must.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from deploy.lab.hybrid import HybridOrganisation
from streams.contracts.facts import Fact, Link, LinkChange, Operation, Origin, TenantState
from streams.contracts.finding import Finding
from streams.contracts.views import Contribution
from streams.directory.scope import Scope
from streams.evaluation.knowledge import TenantOptions
from streams.evaluation.oracle import OracleObject
from streams.evaluation.outcome import Outcome
from streams.measures.family import DurationSample
from tests.support.lab_events import LabEvents
from tests.support.lab_oracle import LabObjects
from tests.support.pipeline import Pipeline


class LabPipeline(Pipeline):
    """A pipeline that is fed by looking at `lab`; `measures`: (when, what) of every wait that is over.

    scope_groups: forest -> DNs of the groups whose members alone its engine exports.
    """

    def __init__(
        self, lab: HybridOrganisation, scope_groups: Mapping[str, Sequence[str]] = MappingProxyType({})
    ) -> None:
        self._lab = lab
        self._directories = LabObjects([forest.store for forest in lab.forests], lab.tenant)
        self._logs = LabEvents(lab)
        self._known: dict[str, OracleObject] = {}
        self._events: set[str] = set()
        self._seq = 0
        self.durations: list[tuple[int, DurationSample]] = []
        self._unsaid: list[tuple[Origin, str]] | None = []  # of the first look: that a source was read whole comes last
        scopes = {
            forest.name: Scope(list(forest.scope.include), scope_groups=scope_groups.get(forest.name, ()))
            for forest in lab.forests
        }
        said = {forest: tuple(groups) for forest, groups in scope_groups.items()}
        options = TenantOptions(forests=frozenset(scopes), reporting_forests=frozenset(scopes), scope_groups=said)
        super().__init__(scopes, tenants={lab.tenant.tenant_id: options})

    def look(self, tenant: TenantState, now_ms: int) -> dict[str, Finding]:
        """Tell what has changed since the last look; the findings that are open then."""
        first, now = not self._known, self._objects(now_ms)
        if first:
            self.tell(tenant)
        for key, item in now.items():
            before = self._known.get(key)
            if before is None:
                self._say(item, Operation.READ if first else Operation.CREATED, now_ms)
            elif (before.state.attributes, before.links) != (item.state.attributes, item.links):
                self._say(item, Operation.UPDATED, now_ms)
        for key in self._known.keys() - now.keys():
            self._say(self._known[key], Operation.DELETED, now_ms)
        self._known = now
        unsaid, self._unsaid = self._unsaid or (), None
        for origin, part in unsaid:
            self.worked_off(origin, part)
        told = [event for event in self._logs.read() if event.id not in self._events]
        self._events |= {event.id for event in told}
        self.log(told, now_ms=now_ms)
        self.tell(tenant)
        self.tick(now_ms)
        return self.open()

    def worked_off(self, origin: Origin, part: str = "") -> None:
        """As its base; after everything that the first look tells."""
        if self._unsaid is None:
            super().worked_off(origin, part)
        else:
            self._unsaid.append((origin, part))

    def _take(self, outcome: Outcome) -> list[Contribution]:
        self.durations += [(self.partition.now_ms, sample) for sample in outcome.durations]
        return super()._take(outcome)

    def _objects(self, now_ms: int) -> dict[str, OracleObject]:
        return {item.state.object_id: item for item in self._directories.read(now_ms) if item.state.alive}

    def _say(self, item: OracleObject, op: Operation, now_ms: int) -> None:
        self._seq = max(self._seq + 1, now_ms << 12)
        state = item.state
        name = f"{state.side}/{state.forest or state.tenant}"
        gone = op is Operation.DELETED
        fact = Fact(
            op=op, object_id=state.object_id, seq=self._seq, ts_ms=now_ms, kind=state.kind, full=not gone,
            attributes={} if gone else state.attributes, links={} if gone else self._links(item),
        )  # fmt: skip
        self.feed(Origin(name=name, side=state.side, tenant=state.tenant, forest=state.forest), [fact], now_ms=now_ms)

    def _links(self, item: OracleObject) -> dict[str, LinkChange]:
        """Complete sets, for what a full statement leaves out was not said."""
        state = item.state
        if state.side == "entra":
            return {
                name: LinkChange(added=[Link(far) for each, far in sorted(item.links) if each == name], complete=True)
                for name in ("members", "manager")
            }
        store = next(forest.store for forest in self._lab.forests if forest.name == state.forest)
        found = store.get(uuid.UUID(state.object_id))
        return {
            name: LinkChange(added=[Link(str(far), store.get(far).sid) for far in found.targets(name)], complete=True)
            for name in ("member", "manager")
        }


def at(state: TenantState, now_ms: int) -> TenantState:
    """The tenant's state as a reading of that moment."""
    return msgspec.structs.replace(state, seq=now_ms, ts_ms=now_ms)
