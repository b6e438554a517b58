"""A fault in one view harms no other: wherever it raises, and whatever made the partition look at it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Finding
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.contracts.views import ContextUpdate, Contribution, Control
from streams.detections.registry import all_detections
from streams.directory.rows import MemoryRows
from streams.directory.scope import Scope
from streams.evaluation import view_evaluation
from streams.evaluation.failing import FIRST_AGAIN_MS, LAST_AGAIN_MS
from streams.evaluation.oracle import expected_findings
from streams.evaluation.outcome import Outcome
from streams.evaluation.view_row import ViewRow, load_view, stored_keys
from streams.views.identity.object_view import UserView
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.findings import told_or_lingering
from tests.support.pipeline import AD, TENANT, Pipeline
from tests.support.random_directory import RandomDirectories

MINUTE = 60_000
CYCLE = 1_800_000


def _view(name: str) -> str:
    return f"user/{TENANT}/{immutable_id_of_guid(guid_of(name))}"


BAD, GOOD = _view("bad"), _view("good")
FAILING = "engine.view_failing"


def _user(name: str, seq: int = 1, **attributes: Any) -> Fact:
    return Fact(
        op=Operation.READ,
        object_id=guid_of(name),
        kind=ObjectKind.USER,
        seq=(START_MS << 12) + seq,
        ts_ms=START_MS,
        full=True,
        attributes={
            "userPrincipalName": f"{name}@contoso.com",
            "sAMAccountName": name,
            "objectSid": sid_of(name),
            "distinguishedName": f"CN={name},OU=Staff,DC=corp,DC=local",
            **attributes,
        },
    )


class PickyRows(MemoryRows):
    """Rows that do not take those of some views."""

    refuses: Callable[[str], bool] = staticmethod(lambda key: False)

    def put(self, key: str, value: bytes | None) -> None:
        if value is not None and self.refuses(key):
            raise InvalidRecordError("row_too_large", "the row is too large")
        super().put(key, value)


class Bench(Pipeline):
    """A pipeline that remembers faults instead of refusing them."""

    def __init__(self) -> None:
        self.faults: list[Any] = []
        super().__init__({"corp": Scope()})
        self.view_rows = PickyRows()
        self.restart()

    def _take(self, outcome: Outcome) -> list[Contribution]:
        self.faults += outcome.faults
        return super()._take(replace(outcome, faults=[]))

    def user(self, name: str, seq: int = 1, **attributes: Any) -> None:
        self.feed(AD, [_user(name, seq, **attributes)], now_ms=max(self.partition.now_ms, START_MS))

    def read_tenant(self) -> None:
        domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
        organization = {"displayName": "Contoso", "onPremisesSyncEnabled": True, "readDateTime": rfc3339(START_MS)}
        self.tell(
            TenantState(
                tenant=TENANT, seq=1, ts_ms=START_MS, domains=domains, features={}, collected=True,
                organization=organization,
            )
        )  # fmt: skip

    def missing(self) -> set[str]:
        return {each.subject.key for each in self.open().values() if each.detection == "flow.missing_in_cloud"}

    def failing_views(self) -> int:
        return sum(each.evidence["views"] for each in self.open().values() if each.detection == FAILING)


def _raise(*_: Any, **__: Any) -> Any:
    raise KeyError("a fault of this version")


@contextmanager
def _derive(bench: Bench) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        sound = UserView.derived
        patch.setattr(UserView, "derived", lambda view: _raise() if view.key == BAD else sound(view))
        yield


def _statistic(name: str) -> Callable[[Bench], Any]:
    @contextmanager
    def failing(bench: Bench) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            sound = getattr(view_evaluation, name)
            patch.setattr(
                view_evaluation, name, lambda view, *rest: _raise() if view.key == BAD else sound(view, *rest)
            )
            yield

    return failing


@contextmanager
def _build(bench: Bench) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        sound = UserView.build.__func__  # type: ignore[attr-defined]
        patch.setattr(
            UserView,
            "build",
            classmethod(lambda cls, key, entries: _raise() if key == BAD else sound(cls, key, entries)),
        )
        yield


@contextmanager
def _store(bench: Bench) -> Iterator[None]:
    assert isinstance(bench.view_rows, PickyRows)
    bench.view_rows.refuses = lambda key: key == BAD
    yield
    del bench.view_rows.refuses


PLACES = {
    "building": _build,
    "derive": _derive,
    "counts": _statistic("counts_of"),
    "recount": _statistic("recount_at"),
    "waits": _statistic("waits_of"),
    "durations": _statistic("durations_of"),
    "storing": _store,
}
places = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


def _bench() -> Bench:
    bench = Bench()
    bench.read_tenant()
    return bench


def _late(bench: Bench) -> None:
    """Two cycles later an object of AD that the cloud lacks is missing."""
    bench.tick(START_MS + 3 * CYCLE)


@places
def test_on_a_due_deadline(place: Callable[[Bench], Any]) -> None:
    bench = _bench()
    for name in ("good", "bad"):
        bench.user(name)
    late_ms = START_MS + 3 * CYCLE
    with place(bench):
        bench.tick(late_ms)
        assert GOOD in bench.missing()
        assert {fault.view for fault in bench.faults} == {BAD}
        bench.tick(late_ms + 1000)  # the count is told with the next tick
        assert bench.failing_views() == 1
        bench.restart()
        bench.tick(late_ms + 2000)
        assert bench.failing_views() == 1
    bench.tick(late_ms + LAST_AGAIN_MS)
    assert bench.missing() == {GOOD, BAD}
    bench.tick(late_ms + LAST_AGAIN_MS + 1000)
    assert bench.failing_views() == 0
    assert not [key for key in bench.view_rows.rows if key.startswith("~failing/")]


@places
def test_on_a_live_record(place: Callable[[Bench], Any]) -> None:
    """All in one chunk: what the failing view was told counts when it can be evaluated, or is in a dead letter."""
    bench = _bench()
    with place(bench):
        bench.feed(AD, [_user("bad"), _user("good")], now_ms=START_MS)
        assert {fault.view for fault in bench.faults} == {BAD}
        _late(bench)
        assert GOOD in bench.missing()
        lost = [item for fault in bench.faults if fault.lost for item in fault.items]
    if lost:
        bench.contribute(lost)  # as a redrive does
    bench.tick(bench.partition.now_ms + LAST_AGAIN_MS)
    assert bench.missing() == {GOOD, BAD}
    assert bench.partition.failing == 0


@places
def test_in_a_reevaluation(place: Callable[[Bench], Any]) -> None:
    bench = _bench()
    for name in ("good", "bad"):
        bench.user(name)
    with place(bench):
        bench._take(bench.partition.apply(Control(sent_ms=START_MS, action="reevaluate"), bench.view_rows))
        while bench.partition.pending:
            bench.tick(START_MS)
        bench.user("later")  # later records of the partition are none the worse
        _late(bench)
        assert {GOOD, _view("later")} <= bench.missing()
        assert {fault.view for fault in bench.faults} == {BAD}


@places
def test_in_a_first_reading(place: Callable[[Bench], Any]) -> None:
    """Many objects in large chunks, one of which fails; the tenant is read whole only afterwards."""
    bench = Bench()
    with place(bench):
        for number in range(60):
            bench.user("bad" if number == 7 else f"user{number}", seq=number)
        bench.read_tenant()
        _late(bench)
        assert len(bench.missing() - {BAD}) == 59
        assert {fault.view for fault in bench.faults} == {BAD}


def test_it_is_tried_ever_more_rarely_and_never_given_up() -> None:
    bench = _bench()
    bench.user("bad")
    with _derive(bench):
        tried = []
        _late(bench)
        for _ in range(600):
            before = len(bench.faults)
            bench.tick(bench.partition.now_ms + MINUTE)
            if len(bench.faults) > before:
                tried.append(bench.partition.now_ms)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses[0] >= FIRST_AGAIN_MS
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_AGAIN_MS


def test_a_row_that_cannot_be_read_is_one_views_trouble() -> None:
    bench = _bench()
    for name in ("good", "bad"):
        bench.user(name)
    sound, bench.view_rows.rows[BAD] = bench.view_rows.rows[BAD], b"{"
    _late(bench)
    assert bench.missing() == {GOOD}
    bench.user("bad", seq=2, displayName="told meanwhile")
    assert any(fault.lost for fault in bench.faults)
    bench.view_rows.rows[BAD] = sound
    bench.tick(bench.partition.now_ms + LAST_AGAIN_MS)
    assert bench.missing() == {GOOD, BAD}


def test_a_record_that_cannot_be_taken_in_leaves_rows_and_memory_as_they_were() -> None:
    """Not a view but the record itself is wrong: the caller drops the rows and restores."""
    bench = _bench()
    rows = bench.view_rows
    for name in ("good", "bad"):
        bench.user(name)

    class Refusing(MemoryRows):
        def __init__(self) -> None:
            super().__init__()
            self.rows = dict(rows.rows)

        def put(self, key: str, value: bytes | None) -> None:
            if key.startswith("~context/"):
                raise InvalidRecordError("row_too_large", "too large")
            super().put(key, value)

    tenant = TenantState(tenant=TENANT, seq=9, ts_ms=START_MS, collected=False)
    partition = bench.partition
    before = partition._known.context(TENANT)
    with pytest.raises(InvalidRecordError):
        partition.apply(ContextUpdate(sent_ms=START_MS, tenant=tenant), Refusing())
    partition.restore(rows)
    assert partition._known.context(TENANT) == before
    assert partition.pending == 0
    _late(bench)
    assert bench.missing() == {GOOD, BAD}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(2, 50), groups=st.booleans())
def test_faults_at_random_harm_nobody_and_leave_no_trace(seed: int, steps: int, groups: bool) -> None:
    """Views fail at random places and moments, for a while; afterwards the stream stands where the oracle does."""
    world = RandomDirectories(seed, groups).run(steps)
    chance = random.Random(seed)
    scopes = {"corp": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"])}
    bench = Bench()
    domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
    tenant = TenantState(tenant=TENANT, seq=1, ts_ms=world.now_ms, domains=domains, features={}, collected=True)
    bench.projector = type(bench.projector)(scopes)
    bench.tell(tenant)
    troubled = {"now": True}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("derive", "counts_of", "waits_of", "durations_of", "recount_at"):
            sound = getattr(view_evaluation, name)

            def fragile(view: Any, *rest: Any, _sound: Any = sound, **named: Any) -> Any:
                if troubled["now"] and chance.random() < 0.1:
                    raise RuntimeError("a fault of this version")
                return _sound(view, *rest, **named)

            patch.setattr(view_evaluation, name, fragile)
        for origin, fact in world.facts:
            bench.feed(origin, [fact])
            if chance.random() < 0.1:
                bench.restart()
        troubled["now"] = False
        bench.tick(max(world.now_ms, bench.partition.now_ms) + LAST_AGAIN_MS)
    now_ms = world.now_ms + 12 * 3_600_000
    bench.tick(now_ms)
    bench.tick(now_ms)
    expected = expected_findings(world.final(), {TENANT: tenant}, scopes, all_detections(), now_ms=now_ms)
    assert set(bench.open()) == set(expected)
    assert bench.partition.failing == 0
    fresh = _counted_afresh(bench)
    assert {name: number for name, number in bench.partition.counts.items() if number} == fresh


def _doomed(key: str, seed: int) -> bool:
    return not key.startswith(("~", "tenant/")) and crc32(f"{seed}{key}".encode()) % 4 == 0


@contextmanager
def _failing_in(place: str, bench: Bench, seed: int) -> Iterator[None]:
    """A quarter of all views fail there, whatever makes the partition look at them."""
    assert isinstance(bench.view_rows, PickyRows)
    with pytest.MonkeyPatch.context() as patch:
        if place == "storing":
            patch.setattr(bench.view_rows, "refuses", lambda key: _doomed(key, seed), raising=False)
        elif place == "building":
            sound_view = ViewRow.view
            patch.setattr(ViewRow, "view", lambda row, key: _raise() if _doomed(key, seed) else sound_view(row, key))
        else:
            sound = getattr(view_evaluation, place)
            patch.setattr(
                view_evaluation, place,
                lambda view, *rest, **named: _raise() if _doomed(view.key, seed) else sound(view, *rest, **named),
            )  # fmt: skip
        yield


def _and_who_hears_of_them(doomed: set[str], bench: Bench) -> set[str]:
    """The doomed views, those that they tell something, and so on."""
    reached, waiting = set(doomed), list(doomed)
    while waiting:
        told = {word.partition("\0")[0] for word in load_view(waiting.pop(), bench.view_rows).derived}
        waiting += told - reached
        reached |= told
    return reached


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    steps=st.integers(2, 50),
    groups=st.booleans(),
    place=st.sampled_from(["derive", "counts_of", "waits_of", "durations_of", "recount_at", "building", "storing"]),
)
def test_while_views_fail_the_others_stand_where_the_oracle_does(
    seed: int, steps: int, groups: bool, place: str
) -> None:
    """On live records, in a first reading, a re-evaluation, at deadlines and after restarts; healed, all of them do."""
    world, chance, bench = RandomDirectories(seed, groups).run(steps), random.Random(seed), Bench()
    scopes = {"corp": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"])}
    bench.projector = type(bench.projector)(scopes)
    domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
    tenant = TenantState(tenant=TENANT, seq=1, ts_ms=world.now_ms, domains=domains, features={}, collected=True)
    read, judged = chance.randrange(len(world.facts)), chance.randrange(len(world.facts))
    now_ms = world.now_ms + 12 * 3_600_000

    def wanted() -> dict[str, Finding]:
        at_ms = bench.partition.now_ms
        return expected_findings(world.final(), {TENANT: tenant}, scopes, all_detections(), now_ms=at_ms)

    with _failing_in(place, bench, seed):
        for number, (origin, fact) in enumerate(world.facts):
            if number == read:
                bench.tell(tenant)
            if number == judged:
                order = Control(sent_ms=bench.partition.now_ms, action="reevaluate")
                bench.contribute(bench._take(bench.partition.apply(order, bench.view_rows)))
            bench.feed(origin, [fact])
            if chance.random() < 0.1:
                bench.restart()
        for moment_ms in (now_ms - 8 * 3_600_000, now_ms):
            bench.tick(moment_ms)
        found, expected = bench.open(), wanted()
    assert {fault.view for fault in bench.faults} == {fault.view for fault in bench.faults if _doomed(fault.view, seed)}
    bench.contribute([item for fault in bench.faults if fault.lost for item in fault.items])  # as a redrive does
    for _ in range(2):
        bench.tick(bench.partition.now_ms + LAST_AGAIN_MS)
    doomed = {key for key in stored_keys(bench.view_rows) if _doomed(key, seed)}
    excused = set() if place in _STATISTICS else _and_who_hears_of_them(doomed, bench)
    ours, theirs = (
        {(each.detection, each.subject.key) for each in findings.values() if each.detection != FAILING}
        for findings in (found, expected)
    )
    assert {each for each in ours ^ theirs if each[1] not in excused and not each[1].startswith("tenant/")} == set()
    healed = wanted()
    assert set(told_or_lingering(bench.findings, healed)) == set(healed)
    assert bench.partition.failing == 0
    assert {name: number for name, number in bench.partition.counts.items() if number} == _counted_afresh(bench)


_STATISTICS = {"counts_of", "waits_of", "durations_of", "recount_at"}


def _counted_afresh(bench: Bench) -> dict[str, int]:
    """What the rows say that they count under."""
    counted: Counter[str] = Counter()
    for key in stored_keys(bench.view_rows):
        counted.update(load_view(key, bench.view_rows).counts)
    return dict(counted)
