"""Nothing is concluded from half a directory: first readings that arrive piecemeal, in any order, over many partitions.

Partitions of the change topics and of the views each keep their own order, and nothing else: whoever is fast is far
ahead of whoever is slow. That is all that Kafka promises.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.contracts.facts import Fact, ObjectKind, Operation, Origin, TenantState, Watermark
from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import immutable_id_of_guid, partition_of
from streams.contracts.times import rfc3339
from streams.contracts.views import ContextUpdate, Contribution, ContributionChunk, Tick, ViewRecord, WatermarkUpdate
from streams.detections.registry import all_detections
from streams.directory.rows import MemoryRows
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from streams.views.installation.tenant_view import tenant_contributions
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import AD, ENTRA, TENANT

OTHER = Origin(name="ad/fabrikam", side="ad", tenant=TENANT, forest="fabrikam")
MINUTE_MS = 60_000
PEOPLE = 540
"""More than a change in bulk has (500), and than a mass deletion."""
COUNTED = {
    "engine.bulk_change",
    "engine.mass_deletion_forecast",
    "engine.scope_shrink",
    "capacity.write_rate_limit",
    "authority.source_anchor_not_written",
}


class Cluster:
    """Change partitions and view partitions that are worked off one record at a time, as `chance` has it."""

    def __init__(self, chance: random.Random, partitions: int) -> None:
        self._chance = chance
        self._count = partitions
        self.now_ms = START_MS
        self._seq = START_MS << 12
        self._projector = Projector({})
        self._changes: dict[tuple[str, int], deque[tuple[Origin, Fact] | Watermark]] = {
            (side, number): deque() for side in ("ad", "entra") for number in range(partitions)
        }
        self._views: list[deque[ViewRecord]] = [deque() for _ in range(partitions)]
        self._objects = {place: MemoryRows() for place in self._changes}
        self._rows = [MemoryRows() for _ in range(partitions)]
        self._parts = [self._partition(number) for number in range(partitions)]
        self.published: list[Finding] = []

    def tell(self, origin: Origin, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self._changes[origin.side, partition_of(fact.object_id, self._count)].append((origin, fact))

    def mark(self, origin: Origin) -> None:
        for number in range(self._count):
            self._changes[origin.side, number].append(Watermark(origin=origin, read_ms=self.now_ms))

    def tenant(self) -> None:
        """By another topic, and so possibly long before the facts."""
        self._seq += 1
        organization = {
            "onPremisesSyncEnabled": True,
            "readDateTime": rfc3339(self.now_ms),
            "onPremisesLastSyncDateTime": rfc3339(self.now_ms - MINUTE_MS),
        }
        state = TenantState(
            tenant=TENANT, seq=self._seq, ts_ms=self.now_ms, organization=organization, collected=True, features={}
        )
        for queue in self._views:
            queue.append(ContextUpdate(sent_ms=self.now_ms, tenant=state))
        self._say(tenant_contributions(state))

    def tick(self) -> None:
        self.now_ms += 1000
        for queue in self._views:
            queue.append(Tick(now_ms=self.now_ms))

    def step(self) -> bool:
        """Work off one record of some partition, and now and then lose a worker; False when there is none."""
        places = [place for place, queue in self._changes.items() if queue]
        views = [number for number, queue in enumerate(self._views) if queue]
        if not places and not views:
            return False
        chosen = self._chance.choice([*places, *views])
        if isinstance(chosen, int):
            if self._chance.random() < 0.01:
                self._parts[chosen] = self._partition(chosen)
            record = self._views[chosen].popleft()
            self._evaluate(chosen, record)
            if self._chance.random() < 0.05:
                self._evaluate(chosen, record)  # once more: whoever had it died before committing
        else:
            said = self._changes[chosen].popleft()
            if isinstance(said, Watermark):
                self._pass_on(said, chosen[1])
            else:
                self._say(self._projector.apply(*said, self._objects[chosen]))
        return True

    def settle(self) -> None:
        for _ in range(3):
            self.tick()
            while self.step():
                pass

    def states(self) -> dict[str, FindingState]:
        last = {finding.detection: finding.state for finding in self.published}
        return {detection: state for detection, state in last.items() if detection in COUNTED}

    def _partition(self, number: int) -> ViewPartition:
        partition = ViewPartition(all_detections(), EvaluatorOptions(), number, self._count)
        partition.restore(self._rows[number])
        return partition

    def _pass_on(self, mark: Watermark, number: int) -> None:
        for queue in self._views:
            queue.append(
                WatermarkUpdate(
                    sent_ms=self.now_ms,
                    tenant=TENANT,
                    source=mark.source,
                    partition=number,
                    partitions=self._count,
                    read_ms=mark.read_ms,
                )
            )

    def _say(self, words: Iterable[Contribution]) -> None:
        for word in words:
            number = partition_of(word.view, self._count)
            self._views[number].append(ContributionChunk(sent_ms=self.now_ms, items=[word]))

    def _evaluate(self, number: int, record: ViewRecord) -> None:
        outcome = self._parts[number].apply(record, self._rows[number])
        assert not outcome.faults
        self.published += [finding for finding in outcome.findings.values() if finding is not None]
        for queue in self._views:
            queue.extend(outcome.causes)
        self._seq += 1
        self._say(replace(word, seq=self._seq) for word in outcome.contributions)


def ours(number: int, forest: str = "corp", ms: int = START_MS) -> Fact:
    name = f"{forest}{number}"
    attributes = {"sAMAccountName": name, "distinguishedName": f"CN={name},OU=People,DC={forest}"}
    attributes["mS-DS-ConsistencyGuid"] = immutable_id_of_guid(guid_of(name))
    return Fact(
        op=Operation.READ, object_id=guid_of(name), seq=(ms << 12) + number, ts_ms=ms, kind=ObjectKind.USER, full=True,
        attributes=attributes,
    )  # fmt: skip


def theirs(number: int, forest: str = "corp", ms: int = START_MS) -> Fact:
    name = f"{forest}{number}"
    attributes = {"onPremisesImmutableId": immutable_id_of_guid(guid_of(name)), "onPremisesSyncEnabled": True}
    return Fact(
        op=Operation.READ, object_id=guid_of(f"cloud {name}"), seq=(ms << 12) + number, ts_ms=ms,
        kind=ObjectKind.USER, full=True, attributes=attributes,
    )  # fmt: skip


def read_whole(cluster: Cluster, chance: random.Random) -> None:
    """Both forests and the cloud are told page by page; each says so when it has told everything."""
    halves = {"corp": (AD, PEOPLE), "fabrikam": (OTHER, 60)}
    pages: list[tuple[Origin, list[Fact]]] = []
    for forest, (origin, count) in halves.items():
        for start in range(0, count, 80):
            numbers = range(start, min(start + 80, count))
            pages.append((origin, [ours(number, forest) for number in numbers]))
            pages.append((ENTRA, [theirs(number, forest) for number in numbers]))
    chance.shuffle(pages)
    left = {origin.name: sum(page[0] is origin for page in pages) for origin in (AD, OTHER, ENTRA)}
    for origin, facts in pages:
        cluster.tell(origin, facts)
        left[origin.name] -= 1
        if not left[origin.name]:
            cluster.mark(origin)
            if origin is ENTRA:
                cluster.tenant()
        for _ in range(chance.randrange(200)):
            cluster.step()
        cluster.tick()
    cluster.settle()


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), partitions=st.integers(1, 4))
def test_no_first_reading_opens_anything_that_counts_and_real_changes_do_afterwards(seed: int, partitions: int) -> None:
    chance = random.Random(seed)
    cluster = Cluster(chance, partitions)
    read_whole(cluster, chance)
    assert cluster.states() == {}

    later = cluster.now_ms + MINUTE_MS
    cluster.tell(AD, [ours(number, "merged", later) for number in range(PEOPLE)])
    cluster.settle()
    assert cluster.states() == {"engine.bulk_change": FindingState.OPEN}
    cluster.tell(ENTRA, [theirs(number, "merged", later + 1) for number in range(PEOPLE)])
    cluster.settle()
    assert cluster.states() == {"engine.bulk_change": FindingState.RESOLVED}


def test_after_an_outage_of_one_source_nothing_opens_until_it_has_caught_up() -> None:
    """Six hundred came meanwhile and were exported; AD is read again before the cloud is."""
    cluster = Cluster(random.Random(7), 2)
    read_whole(cluster, random.Random(7))
    cluster.now_ms += 180 * MINUTE_MS
    later = cluster.now_ms
    cluster.tell(AD, [ours(number, "merged", later) for number in range(PEOPLE)])
    cluster.mark(AD)
    cluster.settle()
    assert cluster.states() == {}
    cluster.tell(ENTRA, [theirs(number, "merged", later + 1) for number in range(PEOPLE)])
    cluster.mark(ENTRA)
    cluster.settle()
    assert cluster.states() == {}


def test_what_is_open_stays_open_while_the_cloud_is_not_read() -> None:
    cluster = Cluster(random.Random(8), 2)
    read_whole(cluster, random.Random(8))
    cluster.tell(AD, [ours(number, "merged", cluster.now_ms) for number in range(PEOPLE)])
    cluster.settle()
    assert cluster.states() == {"engine.bulk_change": FindingState.OPEN}
    for _ in range(3):
        cluster.now_ms += 60 * MINUTE_MS
        cluster.mark(AD)
        cluster.settle()
    assert cluster.states() == {"engine.bulk_change": FindingState.OPEN}


def test_a_forest_that_is_never_read_to_its_end_hides_no_other() -> None:
    cluster = Cluster(random.Random(9), 2)
    cluster.tell(AD, map(ours, range(PEOPLE)))
    cluster.tell(OTHER, [ours(number, "fabrikam") for number in range(PEOPLE)])
    cluster.tell(ENTRA, [theirs(number) for number in range(PEOPLE)])
    cluster.mark(AD)
    cluster.mark(ENTRA)
    cluster.tenant()
    cluster.settle()
    assert cluster.states() == {}, "of fabrikam nothing is known yet"
    cluster.tell(AD, [ours(number, "merged", cluster.now_ms) for number in range(PEOPLE)])
    cluster.settle()
    assert cluster.states() == {"engine.bulk_change": FindingState.OPEN}
