"""Deleted items from end to end without Kafka: the lab's Graph, its source, the pipeline; judged by the oracle."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.services import LabServices
from producers.graph.source import GraphSource
from streams.contracts.facts import Fact, Operation, Origin
from streams.contracts.finding import Finding
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_findings
from streams.runtime.clock import now_ms
from streams.runtime.settings import load_settings
from tests.support.graph_lab import Clock, drain, facts_of
from tests.support.lab_oracle import objects_of_directory, objects_of_lab, state_of_tenant
from tests.support.pipeline import Pipeline

WATCHED = {"flow.missing_in_cloud", "hybrid_join.deleted_only_in_cloud"}
DAY_MS = 86_400_000


class _World:
    """The lab, a source that reads its Graph, and a pipeline that is told both directories."""

    def __init__(self, lab: LabServices, config: Path) -> None:
        self._lab = lab
        self.organisation = lab.organisation
        self._clock = Clock()
        self.scopes = {forest.name: Scope(list(forest.scope.include)) for forest in self.organisation.forests}
        self.source = GraphSource(load_settings(config, {}).tenant[0], clock=self._clock)
        self.source.restore([])
        self.pipeline = Pipeline(self.scopes)
        tenant = self.organisation.tenant.tenant_id
        self._entra = Origin(name=f"entra/{tenant}", side="entra", tenant=tenant)
        for forest in self.organisation.forests:
            origin = Origin(name=f"ad/{forest.name}", side="ad", tenant=tenant, forest=forest.name)
            for number, item in enumerate(objects_of_directory(forest.store, tenant, 1), 1):
                state = item.state
                fact = Fact(
                    op=Operation.READ, object_id=state.object_id, seq=number, ts_ms=1, kind=state.kind, full=True,
                    attributes=state.attributes,
                )  # fmt: skip
                self.pipeline.feed(origin, [fact], now_ms=1)

    def look(self, after_s: float = 0.0) -> dict[str, Finding]:
        """What is open of the watched, two days on."""
        self._clock.now += after_s
        for fact in facts_of(drain(self.source)):
            self.pipeline.feed(self._entra, [fact], now_ms=fact.ts_ms)
        self.pipeline.tell(state_of_tenant(self.organisation.tenant))
        self.pipeline.tick(now_ms() + 2 * DAY_MS)
        return {key: each for key, each in self.pipeline.open().items() if each.detection in WATCHED}

    def expected(self) -> dict[str, Finding]:
        """The same by the oracle, which asks the stores."""
        tenant = self.organisation.tenant
        objects = objects_of_lab([forest.store for forest in self.organisation.forests], tenant, 1)
        rules = [each for each in all_detections() if each.detection.id in WATCHED]
        states = {tenant.tenant_id: state_of_tenant(tenant)}
        return expected_findings(objects, states, self.scopes, rules, now_ms=now_ms() + 2 * DAY_MS)


def _content(findings: dict[str, Finding]) -> dict[str, tuple[str, dict[str, Any]]]:
    """What must agree: Graph tells the time of a deletion to the second."""
    return {
        key: (each.detection, {name: value for name, value in each.evidence.items() if name != "since"})
        for key, each in findings.items()
    }


@pytest.fixture
def world(lab: LabServices, config: Path) -> _World:
    lab.call(lab.schedule.hold)
    lab.organisation.tenant.keeps_deleted_devices = True
    return _World(lab, config)


def test_what_was_deleted_before_the_first_reading_is_found_and_clears_when_it_is_restored(world: _World) -> None:
    tenant = world.organisation.tenant
    items = [item for forest in world.organisation.forests for item in forest.store.objects()]
    people = [one for one in tenant.ids("user") if (tenant.get("user", one) or {}).get("onPremisesSyncEnabled")]
    hybrid = [one for one in tenant.ids("device") if (tenant.get("device", one) or {}).get("trustType") == "ServerAd"]
    computers = {str(item.guid) for item in items if item.raw("userCertificate")}
    device = next(one for one in hybrid if str((tenant.get("device", one) or {})["deviceId"]).lower() in computers)
    for kind, one in (("user", people[0]), ("user", people[1]), ("device", device)):
        tenant.delete(kind, one)  # type: ignore[arg-type]
    tenant.hard_delete("user", people[1])

    found = world.look()
    assert _content(found) == _content(world.expected())
    kept = [each for each in found.values() if each.evidence.get("restorable") is True]
    assert {each.detection for each in kept} == WATCHED and all("restorable_until" in each.evidence for each in kept)
    assert sum(each.detection == "flow.missing_in_cloud" for each in found.values()) == 2

    tenant.restore("device", device)
    tenant.restore("user", people[0])
    assert _content(world.look(after_s=20)) == _content(world.expected())
    assert not any(each.evidence.get("restorable") for each in world.look(after_s=4000).values())
    world.source.close()


def test_nothing_is_missing_for_an_object_that_came_and_went_in_the_cloud_alone(world: _World) -> None:
    name = world.organisation.tenant.upsert("user", None, {"userPrincipalName": f"{uuid.uuid4().hex}@contoso.com"})
    world.organisation.tenant.delete("user", name)
    assert _content(world.look()) == _content(world.expected()) == {}
    world.source.close()
