"""DurableIdSet is a set, whatever happens between its changes and a kill."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.id_set import DurableIdSet, GoneIds, IdSet
from streams.contracts.checkpoint import Checkpoint

SOURCE = "entra/tenant"
# Few ids in few buckets, some of which contain others' bytes at odd places.
IDS = [str(uuid.UUID(bytes=bytes([number % 3]) * 14 + bytes([0, number % 2]))) for number in range(3)] + [
    str(uuid.UUID(int=number << 16)) for number in range(12)
]
ids = st.sampled_from(sorted(set(IDS)))
# What a source does between two reads: changes, then either a rewrite of everything or not.
steps = st.lists(st.tuples(st.sampled_from(["add", "discard", "clear", "save"]), ids), max_size=60)


class Topic:
    """The compacted topic: the newest part by key; an empty position deletes."""

    def __init__(self) -> None:
        self.parts: dict[str, Checkpoint] = {}

    def write(self, checkpoint: Checkpoint) -> None:
        if checkpoint.position:
            self.parts[checkpoint.part] = checkpoint
        else:
            self.parts.pop(checkpoint.part, None)

    def restored(self) -> DurableIdSet:
        known = DurableIdSet(SOURCE, "users/known")
        known.restore(self.parts.values())
        return known


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.id_set._SEGMENT_ENTRIES", 4)


@given(steps=st.lists(st.tuples(st.booleans(), ids)))
def test_an_id_set_behaves_as_a_set(steps: list[tuple[bool, str]]) -> None:
    known, model = IdSet(), set()
    for adding, object_id in steps:
        if adding:
            assert known.add(object_id) == (object_id not in model)
            model.add(object_id)
        else:
            assert known.discard(object_id) == (object_id in model)
            model.discard(object_id)
    assert set(known) == model and len(known) == len(model)
    assert all((object_id in known) == (object_id in model) for object_id in IDS)


@given(left=st.sets(ids), right=st.sets(ids))
def test_the_difference_is_that_of_sets(left: set[str], right: set[str]) -> None:
    assert set(IdSet(left).difference(IdSet(right))) == left - right


@given(steps=steps, restart=st.booleans())
def test_what_was_saved_is_restored(steps: list[tuple[str, str]], restart: bool) -> None:
    topic, known, model = Topic(), DurableIdSet(SOURCE, "users/known"), set[str]()
    for what, object_id in steps:
        if what == "save":
            for checkpoint in known.changes(1, 1):
                topic.write(checkpoint)
            assert set(topic.restored()) == model
            known = topic.restored() if restart else known
        elif what == "clear":
            known.clear()
            model.clear()
        else:
            getattr(known, what)(object_id)
            (model.add if what == "add" else model.discard)(object_id)
    assert set(known) == model


@given(
    before=st.lists(st.tuples(st.sampled_from(["add", "discard"]), ids), max_size=80),
    after=st.lists(st.tuples(st.sampled_from(["add", "discard"]), ids), max_size=80),
    data=st.data(),
)
def test_a_kill_between_two_records_keeps_every_id_that_stayed(
    before: list[tuple[str, str]], after: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Ids in both the set before and the set after must survive any cut, also in the middle of a rewrite."""
    topic, known = Topic(), DurableIdSet(SOURCE, "users/known")
    for what, object_id in before:
        getattr(known, what)(object_id)
    for checkpoint in known.changes(1, 1):
        topic.write(checkpoint)
    old, touched = set(known), {object_id for _, object_id in after}
    for what, object_id in after:
        getattr(known, what)(object_id)
    records = known.changes(2, 2)
    for checkpoint in records[: data.draw(st.integers(0, len(records)))]:
        topic.write(checkpoint)
    found = set(topic.restored())
    assert old & set(known) - touched <= found
    assert found <= old | set(known) | touched


@given(
    rounds=st.lists(
        st.lists(st.tuples(st.sampled_from(["add", "discard", "clear"]), ids), max_size=25), min_size=1, max_size=8
    ),
    data=st.data(),
)
def test_a_marked_position_restores_exactly_its_set_wherever_a_kill_falls(
    rounds: list[list[tuple[str, str]]], data: st.DataObject
) -> None:
    topic, known, saved = Topic(), DurableIdSet(SOURCE, "users/known"), (set[str](), [0, 0, 0])
    arrived = set[str]()  # added beyond the saved position, by any process since
    for steps in rounds:
        for what, object_id in steps:
            known.clear() if what == "clear" else getattr(known, what)(object_id)
        records: list[Checkpoint | None] = [*known.segments(1, 1), None, *known.deletions(1, 1)]
        following = (set(known), known.mark)
        alive = data.draw(st.integers(0, len(records)))
        for checkpoint in records[:alive]:
            if checkpoint is None:
                saved, arrived = following, set()
            else:
                topic.write(checkpoint)
        if alive < len(records):
            known = DurableIdSet(SOURCE, "users/known")
            beyond = known.restore(topic.parts.values(), saved[1])
            if alive == records.index(None):
                arrived |= following[0] - saved[0]
            assert arrived <= set(beyond) and (beyond == [] or alive <= records.index(None))
        assert set(known) == saved[0] and len(known) == len(saved[0])


def test_a_long_history_does_not_grow_the_log_without_end() -> None:
    topic, known = Topic(), DurableIdSet(SOURCE, "users/known")
    for round_ in range(500):
        known.add(IDS[round_ % len(IDS)])
        known.discard(IDS[(round_ + 3) % len(IDS)])
        for checkpoint in known.changes(round_, 1):
            topic.write(checkpoint)
    assert len(topic.parts) < 40
    assert set(topic.restored()) == set(known)


def test_a_small_change_writes_a_small_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.id_set._SEGMENT_ENTRIES", 1024)
    known = DurableIdSet(SOURCE, "users/known")
    for number in range(20_000):
        known.add(str(uuid.UUID(int=number * 7919)))
    assert len(known.changes(1, 1)) == 20
    known.add(str(uuid.UUID(int=5)))
    (part,) = known.changes(2, 1)
    assert len(part.position["log"]) < 30_000


@pytest.mark.parametrize("text", ["", "12", "not-a-guid", "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f5"])
def test_what_is_no_guid_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        IdSet().add(text)


def gone_of(parts: dict[str, Checkpoint], *, most: int = 3) -> GoneIds:
    made = GoneIds("ad/x", "gone/dc", most)
    made.restore(parts.values())
    return made


def test_the_latest_that_went_are_remembered_over_restarts_and_less_than_twice_as_many() -> None:
    names, parts = [f"6e1a2c90-5b7d-4f38-9c21-{number:012d}" for number in range(50)], dict[str, Checkpoint]()
    for number, name in enumerate(names):
        remembered = gone_of(parts)
        remembered.add(name)
        for part in remembered.changes(number, 1):
            if part.position:
                parts[part.part] = part
            else:
                parts.pop(part.part, None)
        kept = set(gone_of(parts))
        assert kept == set(remembered) and set(names[max(0, number - 2) : number + 1]) <= kept and len(kept) < 6
