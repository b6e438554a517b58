"""The first reading of an organisation with ten years of faults opens what its book lists, and nothing else."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Iterator

import msgspec
import pytest

from deploy.cli.report.first_reading import UNDATED, FirstReading, faults_of, groups_of
from deploy.lab.entra import graph_time
from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories import STORIES
from deploy.lab.stories.story import Story
from streams.contracts.facts import Fact, Link, LinkChange, Operation, Origin, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from streams.evaluation.knowledge import TenantOptions
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.support.lab_events import LabEvents
from tests.support.lab_oracle import LabObjects, forest_of_directory, state_of_tenant
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.slow

START_MS = int(dt.datetime(2026, 11, 23, 14, tzinfo=dt.UTC).timestamp() * 1000)
TWO_CYCLES_MS = 3_600_000
AFTER_MS = START_MS + TWO_CYCLES_MS + 60_000
# The directories do not say since when: the AD object may have changed, left or died in the last two cycles.
WAITING = {
    "authority.account_enabled_only_in_cloud", "flow.attribute_drift", "flow.membership_drift", "flow.missing_in_cloud",
    "flow.orphaned_in_cloud", "hybrid_join.enabled_state_mismatch", "hybrid_join.orphaned_cloud_device",
    "writeback.group_frozen",
}  # fmt: skip
DATED = {
    "conflict.address_quarantined", "engine.seamless_sso_key_stale", "flow.missing_in_cloud", "flow.orphaned_in_cloud",
    "hybrid_join.certificate_missing", "hybrid_join.dual_state", "hybrid_join.duplicate_device",
    "hybrid_join.enabled_state_mismatch", "hybrid_join.not_synced", "hybrid_join.orphaned_cloud_device",
    "hybrid_join.pending_stuck", "hybrid_join.stale", "hygiene.non_routable_upn_suffix",
    "hygiene.unverified_upn_suffix",
}  # fmt: skip


class Reading:
    """Everything that both directories show, told once, in an order of its own; then the sources say that it is all."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self.lab = lab
        self.scopes = {
            forest.name: Scope(list(forest.scope.include), hybrid_join=forest.hybrid_join) for forest in lab.forests
        }
        names = frozenset(self.scopes)
        self.pipeline = Pipeline(self.scopes, tenants={lab.tenant.tenant_id: TenantOptions(forests=names)})
        self.objects = LabObjects([forest.store for forest in lab.forests], lab.tenant).read(START_MS)
        self.objects += [
            forest_of_directory(forest.store, lab.tenant.tenant_id, START_MS)
            for forest in lab.forests
            if forest.hybrid_join
        ]
        self.events = LabEvents(lab).read()
        self.told_at_once: set[str] = set()

    def run(self, seed: int = 1) -> None:
        """Read; the tenant's own state comes by another topic, before its objects do."""
        facts = [self._fact(item, number) for number, item in enumerate(self.objects, START_MS << 12)]
        random.Random(seed).shuffle(facts)
        worked_off, self.pipeline.worked_off = self.pipeline.worked_off, lambda *_: None  # type: ignore[method-assign]
        self.pipeline.tell(self.tenant(START_MS))
        for origin, fact in facts:
            self.pipeline.feed(origin, [fact], now_ms=START_MS)
        self.pipeline.log(self.events, now_ms=START_MS)
        for origin in {origin.name: origin for origin, _ in facts}.values():
            worked_off(origin)
            if origin.side == "entra":
                worked_off(origin, "devices")
        self.pipeline.tick(START_MS)

    def tenant(self, now_ms: int) -> TenantState:
        """As its source reads it."""
        profile = self.lab.tenant.profile
        organization = profile.organization(beta=True, used=self.lab.tenant.count())
        organization |= {
            "readDateTime": graph_time.precise_time(now_ms),
            "onPremisesLastSyncDateTime": graph_time.graph_time(now_ms),
        }
        return msgspec.structs.replace(
            state_of_tenant(self.lab.tenant), seq=now_ms, ts_ms=now_ms, organization=organization,
            synchronization={"client_version": profile.client_version},
        )  # fmt: skip

    def expected(self, now_ms: int) -> dict[str, Finding]:
        """What the oracle finds."""
        return expected_findings(
            self.objects, {self.lab.tenant.tenant_id: self.tenant(now_ms)}, self.scopes, all_detections(),
            now_ms=now_ms, events=self.events, explained=True, forests_read=True,
        )  # fmt: skip

    def _fact(self, item: OracleObject, seq: int) -> tuple[Origin, Fact]:
        state = item.state
        name = f"{state.side}/{state.forest or state.tenant}"
        op = Operation.READ if state.alive else Operation.DELETED
        fact = Fact(
            op=op, object_id=state.object_id, seq=seq, ts_ms=START_MS, kind=state.kind, full=state.alive,
            attributes=state.attributes, links=dict(self._links(item)) if state.alive else {},
            changed_ms=None if state.alive else state.changed_ms,
        )  # fmt: skip
        return Origin(name=name, side=state.side, tenant=state.tenant, forest=state.forest), fact

    def _links(self, item: OracleObject) -> Iterator[tuple[str, LinkChange]]:
        state = item.state
        if state.side == "entra":
            yield "members", LinkChange(added=[Link(far_end) for _, far_end in sorted(item.links)], complete=True)
        elif item.links:
            store = next(forest.store for forest in self.lab.forests if forest.name == state.forest)
            found = store.get(uuid.UUID(state.object_id))
            for name in ("member", "manager"):
                far_ends = [Link(str(far), store.get(far).sid) for far in found.targets(name)]
                yield name, LinkChange(added=far_ends, complete=True)


@pytest.fixture(scope="module")
def day_one() -> Iterator[tuple[Reading, Story]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_time.time, "time_ns", lambda: START_MS * 1_000_000)
        lab = build(150)
        for forest in lab.forests:
            forest.store.clock = lambda: START_MS / 1000
        story = STORIES["day_one"](lab)
        reading = Reading(lab)
        reading.run()
        reading.told_at_once = set(reading.pipeline.findings)
        reading.pipeline.tick(AFTER_MS)
        yield reading, story


def standing(reading: Reading) -> dict[str, FindingState]:
    found = reading.pipeline.findings.items()
    return {key: each.state for key, each in found if each.state is not FindingState.RESOLVED}


def test_the_first_reading_tells_the_book_of_faults_and_nothing_else(day_one: tuple[Reading, Story]) -> None:
    reading, story = day_one
    book = {each.finding: each.detection for each in story.expectations}
    assert {name for key, name in book.items() if key not in reading.told_at_once} == WAITING
    assert sorted(map(named(reading), standing(reading).keys() - book)) == []
    assert sorted(book[key] for key in book.keys() - standing(reading)) == []
    assert {key for key, _ in reading.pipeline.published} == book.keys(), "not even in passing"

    expected = {key: each.state for key, each in reading.expected(AFTER_MS).items()}
    assert standing(reading) == expected, "the oracle agrees, on what explains what, too"


def test_the_report_dates_them_by_the_directories_and_has_all_of_them(day_one: tuple[Reading, Story]) -> None:
    reading, story = day_one
    whole_ms = {f"ad/{name}": START_MS for name in reading.scopes} | {f"entra/{reading.lab.tenant.tenant_id}": START_MS}
    first = FirstReading(whole_ms, [], TWO_CYCLES_MS)
    faults = faults_of(reading.pipeline.findings.values(), first)
    assert len(faults) == len(story.expectations)
    open_ = [fault for fault in faults if fault.finding.state is FindingState.OPEN]
    assert open_[0].finding.detection == "engine.connect_version_unsupported", "nothing explains others: the loudest"
    ranks = [fault.finding.severity.rank for fault in open_]
    assert ranks == sorted(ranks)
    assert {fault.finding.detection for fault in faults if fault.age == UNDATED} & DATED == set()
    assert sum(group.states.total() for group in groups_of(faults)) == len(faults)


def named(reading: Reading) -> Callable[[str], str]:
    return lambda key: f"{reading.pipeline.findings[key].detection}: {reading.pipeline.findings[key].summary}"
