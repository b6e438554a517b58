"""The ledger of a collection against a model of plain sets, through rounds, comparisons, restarts and kills."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from producers.graph.collection_ledger import CollectionLedger, SavedLedger
from producers.id_set import IdSet
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import convert

SOURCE, NAME = "entra/t", "groups"
IDS = [f"{number:08x}-5b7d-4f38-9c21-{number:012x}" for number in range(6)]
ids = st.sampled_from(IDS)


@dataclass
class Model:
    """What a ledger knows, without its way of keeping it."""

    round: set[str] = field(default_factory=set)
    earlier: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    newer: set[str] | None = None
    last: str | None = None
    in_round: bool = True
    unverified: bool = False
    completed: bool = False
    ordered: bool = False

    def copy(self) -> Model:
        """As it comes back from a saved position: what a comparison noted is not in there."""
        return Model(
            set(self.round), set(self.earlier), set(self.gone), set(self.doubtful), None, self.last,
            self.in_round, self.unverified, self.completed, self.ordered,
        )  # fmt: skip

    @property
    def lives(self) -> set[str]:
        return self.round | self.earlier


def living(ledger: CollectionLedger) -> set[str]:
    return {each for each in IDS if ledger.lives(each)}


class Ledgers(RuleBasedStateMachine):
    """`topic`: the compacted checkpoint topic. `saved`: the model as of the position in it."""

    def __init__(self) -> None:
        super().__init__()
        self.topic: dict[str, Checkpoint] = {}
        self.model, self.saved = Model(), Model()
        self.emitted_since_saved: set[str] = set()  # by any process: perhaps in the topic
        self.emitted_by_this_process: set[str] = set()  # as living, since it saved
        self.arrived: set[str] = set()  # emitted as living by any process, and in the topic: perhaps in no position
        self.verified_since_saved = False
        self.ledger = self.new()
        self.save(None)

    def new(self) -> CollectionLedger:
        return CollectionLedger(SOURCE, NAME, several_lists=True)

    def write(self, records: list[Checkpoint]) -> None:
        for record in records:
            self.topic[record.part] = record

    @rule(name=ids)
    def delta_tells_of(self, name: str) -> None:
        first = self.ledger.named(name, removed=False)
        self.ledger.emitted(name)
        assert first == (name not in self.model.round)
        self.doubts(name, first=first)
        self.model.last = name
        self.model.round.add(name)
        self.emitted_since_saved.add(name)
        self.emitted_by_this_process.add(name)
        if self.model.newer is not None:
            self.model.newer.add(name)

    def doubts(self, name: str, *, first: bool) -> None:
        """In a round a second item that is not in a row; after it, and before it is verified, a first one."""
        if (name != self.model.last and not first) if self.model.in_round else (first and self.model.unverified):
            self.model.doubtful.add(name)

    @rule(name=ids)
    def delta_tells_that_it_is_gone(self, name: str) -> None:
        self.ledger.named(name, removed=True)
        self.ledger.gone(name)
        self.model.round.discard(name)
        self.model.earlier.discard(name)
        self.model.doubtful.discard(name)
        self.model.gone.add(name)
        self.emitted_by_this_process.discard(name)
        self.arrived.discard(name)
        if self.model.newer is not None:
            self.model.newer.add(name)

    @rule(name=ids)
    def an_item_that_cannot_be_mapped_is_named_twice(self, name: str) -> None:
        """The second attempt is as much the first time as the first one, for nothing was emitted."""
        answers = [self.ledger.named(name, removed=False) for _ in range(2)]
        assert answers == [name not in self.model.round] * 2
        self.doubts(name, first=answers[0])
        self.model.last = name
        if self.model.newer is not None:
            self.model.newer.add(name)

    @rule(ordered=st.booleans())
    def begin_round(self, ordered: bool) -> None:
        lives = living(self.ledger)
        self.ledger.begin_round(ordered=ordered)
        assert len(self.ledger) == 0 and living(self.ledger) == lives
        self.model.earlier, self.model.round = self.model.lives, set()
        self.model.in_round, self.model.last, self.model.newer = True, None, None
        self.model.ordered |= ordered
        self.model.doubtful.clear()

    @precondition(lambda self: self.model.in_round)
    @rule()
    def end_round(self) -> None:
        self.ledger.end_round()
        self.model.in_round, self.model.unverified = False, True

    @precondition(lambda self: not self.model.in_round)
    @rule()
    def compare(self) -> None:
        self.ledger.compare()
        self.model.newer = set()

    @rule(listed=st.sets(ids))
    def what_a_list_lacks_is_missing(self, listed: set[str]) -> None:
        missing = list(self.ledger.missing(IdSet(listed)))
        assert set(missing) == self.model.lives - listed

    @precondition(lambda self: not self.model.in_round)
    @rule(name=ids)
    def the_comparison_has_read(self, name: str) -> None:
        self.ledger.emitted(name)
        self.ledger.read_whole(name)
        self.model.round.add(name)
        self.model.doubtful.discard(name)
        self.emitted_since_saved.add(name)
        self.emitted_by_this_process.add(name)

    @precondition(lambda self: not self.model.in_round)
    @rule()
    def verified(self) -> None:
        self.ledger.verified(1_760_000_000_000)
        self.verified_since_saved = True
        self.arrived.clear()
        self.model.earlier.clear()
        self.model.doubtful.clear()
        self.model.newer = None
        self.model.unverified, self.model.completed, self.model.ordered = False, True, False

    @rule(killed_after=st.none() | st.integers(0, 8))
    def save(self, killed_after: int | None) -> None:
        """Save; `killed_after` that many records the process dies, and another one goes on."""
        position = Checkpoint(source=SOURCE, part=NAME, seq=1, ts_ms=1, position={})
        records = self.ledger.before_position(1, 1)
        at = len(records)
        position.position.update(self.ledger.position())
        records += [position, *self.ledger.after_position(1, 1)]
        cut = len(records) if killed_after is None else min(killed_after, len(records))
        self.write(records[:cut])
        if cut > at:
            self.saved, self.emitted_since_saved, self.verified_since_saved = self.model.copy(), set(), False
            self.emitted_by_this_process, self.arrived = set(), set()
        if killed_after is not None:
            self.restart(whole=cut > at, ids_arrived=cut >= at)

    @rule()
    def kill(self) -> None:
        self.restart(whole=False, ids_arrived=False)

    def restart(self, *, whole: bool, ids_arrived: bool) -> None:
        """whole: everything was saved; else something may have been emitted of which no position tells.

        ids_arrived: the ids did reach the topic, if not the position.
        """
        parts = [part for part in self.topic.values() if part.position]
        self.ledger = self.new()
        assert self.ledger.restore(parts, convert(self.topic[NAME].position, SavedLedger))
        lives, before = living(self.ledger), self.saved.lives
        assert before <= lives <= before | self.emitted_since_saved, "nothing that lives is forgotten, nothing invented"
        assert {each for each in IDS if each in self.ledger} == self.saved.round
        assert self.ledger.in_round or lives == before or self.ledger.unverified
        if ids_arrived and not self.verified_since_saved:
            self.arrived |= self.emitted_by_this_process
        assert self.arrived <= lives, "what a process has forgotten, the next one does not find either"
        if whole:
            assert lives == before and self.ledger.unverified == self.saved.unverified
        gone = {each for each in IDS if each in set(self.ledger._gone)}
        assert self.saved.gone <= gone
        self.emitted_by_this_process, self.verified_since_saved = set(), False
        self.model = self.saved.copy()
        self.model.earlier |= lives - self.model.lives
        self.model.unverified, self.model.gone = self.ledger.unverified, gone

    @invariant()
    def agrees(self) -> None:
        ledger, model = self.ledger, self.model
        assert {each for each in IDS if each in ledger} == model.round and len(ledger) == len(model.round)
        assert living(ledger) == model.lives and ledger.is_empty == (not model.lives and not model.gone)
        assert ledger.doubtful == model.doubtful and ledger.newer == (model.newer or set())
        assert set(ledger.gone_again()) == ((model.gone - model.lives) if model.ordered else set())
        assert (ledger.in_round, ledger.unverified, ledger.completed, ledger.ordered) == (
            model.in_round, model.unverified, model.completed, model.ordered,
        )  # fmt: skip


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("killed_after", range(4))
def test_what_a_kill_left_of_an_earlier_process_is_over_with_the_next_position(killed_after: int) -> None:
    state = Ledgers()
    state.delta_tells_of(name=IDS[0])
    state.save(killed_after=1)
    state.end_round()
    state.verified()
    state.save(killed_after=killed_after)
    state.agrees()


def test_what_a_kill_left_in_a_segment_is_over_with_the_next_position() -> None:
    """Else each restart would take up again what was verified long ago, and verify again."""
    state = Ledgers()
    state.delta_tells_of(name=IDS[0])
    state.save(killed_after=None)
    state.delta_tells_of(name=IDS[1])
    state.save(killed_after=1)
    state.delta_tells_that_it_is_gone(name=IDS[1])
    state.end_round()
    state.verified()
    state.save(killed_after=None)
    state.kill()
    state.agrees()
    assert not state.ledger.lives(IDS[1]) and not state.ledger.unverified


def test_a_second_kill_does_not_forget_what_the_first_one_left() -> None:
    """The first record of the second process is a longer form of the one in which the first process left an object."""
    state = Ledgers()
    state.delta_tells_of(name=IDS[0])
    state.save(killed_after=None)
    state.delta_tells_of(name=IDS[1])
    state.save(killed_after=1)
    state.delta_tells_of(name=IDS[2])
    state.save(killed_after=1)
    state.agrees()
    assert state.ledger.lives(IDS[1])


def test_what_comes_and_goes_within_one_batch_need_not_be_remembered() -> None:
    """Its deletion was in Kafka before the ids were."""
    state = Ledgers()
    state.delta_tells_of(name=IDS[0])
    state.begin_round(ordered=False)
    state.delta_tells_of(name=IDS[1])
    state.delta_tells_that_it_is_gone(name=IDS[0])
    state.begin_round(ordered=False)
    state.save(killed_after=2)
    state.agrees()
    assert state.ledger.lives(IDS[1])
