"""Who writes a source, and which readings are ordered: what the log says, whoever wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from producers.checkpoint import StoredCheckpoint, epoch_of
from producers.ledger import Book
from producers.publisher import checkpoint_key
from streams.contracts.checkpoint import Checkpoint, contact_record
from streams.contracts.codec import encode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.orders import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Answer, Order, WriterClaim, order_in

SOURCE, ME, OTHER = "ad/corp.example", "me", "other"
NOON_MS = 1_795_000_000_000


def said(word: Checkpoint, epoch: int | None = None) -> StoredCheckpoint:
    return StoredCheckpoint(checkpoint_key(word), encode(word), epoch)


def claim(who: str, epoch: int) -> StoredCheckpoint:
    return said(WriterClaim(SOURCE, who, epoch, NOON_MS).record())


def part(name: str, epoch: int | None) -> StoredCheckpoint:
    return said(Checkpoint(source=SOURCE, seq=1, ts_ms=1, position={"at": 1}, part=name), epoch)


def order(number: int, collection: str = "") -> Order:
    return Order(SOURCE, f"order-{number}", "somebody", "lost", NOON_MS, collection)


def book(*records: StoredCheckpoint, at_s: float = 0.0) -> Book:
    found = Book(SOURCE, ME)
    for each in records:
        found.read(each, at_s)
    return found


def test_the_last_claim_in_the_log_stands_whatever_its_number() -> None:
    assert not book(claim(OTHER, 7), claim(ME, 8)).is_replaced
    assert book(claim(ME, 8), claim(OTHER, 9)).is_replaced
    assert book(claim(ME, 8), claim(OTHER, 2)).is_replaced, "a claim that was long on its way"
    assert not book(claim(OTHER, 9)).is_replaced, "we have not claimed it"
    assert not book(claim(ME, 8), said(WriterClaim("ad/corp.example2", OTHER, 9, 1).record())).is_replaced


def test_the_brokers_time_of_our_claim_is_known_where_it_tells_one() -> None:
    ours = claim(ME, 8)
    assert book(claim(OTHER, 7)._replace(arrived_ms=5), ours._replace(arrived_ms=7)).claimed_ms == 7
    assert book(claim(OTHER, 7)._replace(arrived_ms=5), ours).claimed_ms is None


def test_the_position_is_what_stands_before_our_claim_and_later_words_of_the_other_one_are_noticed() -> None:
    found = book(part("a", 7), claim(OTHER, 7), part("b", None), claim(ME, 8), part("c", 8))
    assert set(found.parts) == {f"{SOURCE}#a", f"{SOURCE}#b"} and not found.late
    found.read(StoredCheckpoint(f"{SOURCE}#a", None, 8), 0.0)
    assert not found.late
    for late in (part("a", 7), part("a", None), StoredCheckpoint(f"{SOURCE}#a", None, 7)):
        again = book(claim(OTHER, 7), claim(ME, 8))
        again.read(late, 0.0)
        assert again.late


def test_whoever_stands_by_hears_the_writer_and_nobody_else() -> None:
    found = book(claim(ME, 1), claim(OTHER, 2))
    before = found.records_read
    found.read(said(contact_record("entra/t", contact_ms=1, ts_ms=1, phase="streaming", done=0)), 0.0)
    assert found.records_read == before
    found.read(said(contact_record(SOURCE, contact_ms=1, ts_ms=1, phase="streaming", done=0)), 0.0)
    found.read(part("a", 2), 0.0)
    assert found.records_read == before + 2


def test_an_order_waits_a_moment_for_others_and_the_newest_counts() -> None:
    found = book(said(order(1).record()), at_s=100.0)
    found.read(said(order(2).record()), 101.0)
    assert found.due(102.0, NOON_MS) is None
    assert found.due(103.5, NOON_MS) == order(2)


def test_an_order_is_carried_out_once_and_the_next_one_waits_until_it_is_done_and_has_rested() -> None:
    found = book(said(order(1).record()))
    answer = found.begin(order(1), NOON_MS)
    found.read(said(answer.record()), 0.0)
    assert found.due(99.0, NOON_MS) is None and found.begun() == [answer]
    found.read(said(order(2).record()), 0.0)
    assert found.due(99.0, NOON_MS + LONGEST_PAUSE_MS) is None, "the first is under way"
    found.note(answer.done(NOON_MS + 1000))
    assert found.begun() == []
    assert found.due(99.0, NOON_MS + FIRST_PAUSE_MS - 1) is None
    assert found.due(99.0, NOON_MS + FIRST_PAUSE_MS) == order(2)
    assert found.begin(order(2), NOON_MS + FIRST_PAUSE_MS).pause_ms == 2 * FIRST_PAUSE_MS


def test_a_source_owes_what_is_ordered_until_it_is_told_or_refused() -> None:
    found = book()
    assert not found.unfinished()
    found.read(said(order(1).record()), 0.0)
    assert found.unfinished(), "also while it waits"
    answer = found.begin(order(1), NOON_MS)
    found.note(answer)
    assert found.unfinished(), "also while it is under way"
    found.note(answer.done(NOON_MS + 1000))
    assert not found.unfinished()
    found.read(said(order(2).record()), 0.0)
    assert found.unfinished()
    found.note(replace(found.begin(order(2), NOON_MS), state="refused"))
    assert not found.unfinished()


def test_scopes_do_not_wait_for_each_other() -> None:
    found = book(said(order(1, "users").record()), said(order(2, "groups").record()))
    found.note(found.begin(order(1, "users"), NOON_MS))
    assert found.due(99.0, NOON_MS) == order(2, "groups")


def test_a_storm_of_orders_ends_in_one_reading_every_six_hours() -> None:
    found, begun, at_ms = book(), 0, NOON_MS
    for number in range(7 * 24 * 60):
        at_ms += 60_000
        found.read(said(order(number).record()), at_ms / 1000)
        due = found.due(at_ms / 1000 + 4, at_ms)
        if due is not None:
            begun += 1
            found.note(found.begin(due, at_ms).done(at_ms))
    assert 28 <= begun <= 34


def test_the_pause_grows_no_more_where_orders_are_rare() -> None:
    found, at_ms = book(), NOON_MS
    for number in range(5):
        answer = found.begin(order(number), at_ms)
        assert answer.pause_ms == FIRST_PAUSE_MS
        found.note(answer.done(at_ms))
        at_ms += 5 * FIRST_PAUSE_MS


def test_an_answer_of_the_future_holds_nothing_up() -> None:
    found = book(said(order(2).record()))
    found.note(Answer(SOURCE, "order-1", "done", NOON_MS, begun_ms=NOON_MS * 2, pause_ms=LONGEST_PAUSE_MS))
    assert found.due(99.0, NOON_MS) == order(2)
    found.note(Answer(SOURCE, "order-1", "done", NOON_MS, begun_ms=NOON_MS, pause_ms=2**52))
    assert found.due(99.0, NOON_MS + LONGEST_PAUSE_MS) == order(2)


@pytest.mark.parametrize(
    "change",
    [{"id": ""}, {"id": 3}, {"id": "x" * 5000}, {"by": None}, {"why": ["x"]}, {"collection": "users"}],
    ids=str,
)
def test_an_order_that_is_none_is_left_alone_and_told(change: dict[str, Any]) -> None:
    word = order(1).record()
    hostile = Checkpoint(source=word.source, part=word.part, seq=0, ts_ms=0, position={**word.position, **change})
    with pytest.raises(InvalidRecordError):
        order_in(hostile)
    with capture_logs() as logs:
        unreadable = StoredCheckpoint(checkpoint_key(word), b"\xff{", None)
        found = book(said(hostile), unreadable, StoredCheckpoint(f"writer#{SOURCE}", b"1", None))
    assert found.due(99.0, NOON_MS) is None and not found.is_replaced
    assert len(logs) == 3


def test_scopes_are_bounded_and_the_whole_always_has_room() -> None:
    found = book(*(said(order(number, f"invented-{number}").record()) for number in range(1000)))
    for number in range(1000):
        found.note(Answer(f"{SOURCE}#said-{number}", "x", "done", NOON_MS))
    assert len(found._orders) == len(found._answers) == 100
    found.read(said(order(1).record()), 0.0)
    found.note(found.begin(order(1), NOON_MS))
    assert found.begun(), "or it would be carried out for ever"


@pytest.mark.parametrize(
    "word", [order(1), order(2, "DC=corp,DC=example"), WriterClaim(SOURCE, ME, 3, NOON_MS)], ids=str
)
def test_words_are_read_as_they_were_written(word: Order | WriterClaim) -> None:
    assert order_in(word.record()) == word
    answer = Answer(SOURCE, "order-1", "begun", NOON_MS, begun_ms=NOON_MS, pause_ms=1, note="x")
    assert order_in(answer.record()) == answer
    assert order_in(replace(answer, state="refused").record()) == replace(answer, state="refused")
    assert order_in(Checkpoint(source=SOURCE, seq=1, ts_ms=1, position={"at": 1})) is None


@pytest.mark.parametrize(
    ("headers", "epoch"),
    [
        ([("epoch", b"7")], 7), ([("other", b"1"), ("epoch", b"8")], 8), ([], None), (None, None),
        ([("epoch", None)], None), ([("epoch", b"")], None), ([("epoch", b"-1")], None), ([("epoch", b"9" * 20)], None),
    ],
)  # fmt: skip
def test_an_epoch_is_a_number_or_it_is_none(headers: Any, epoch: int | None) -> None:
    assert epoch_of(headers) == epoch


@pytest.mark.parametrize("highest", [0, 7, 2**53 - 2, 2**53 - 1])
def test_however_high_an_epoch_stands_the_next_claim_can_be_read_and_is_another(highest: int) -> None:
    found = book(claim(OTHER, highest))
    mine = found.next_claim(NOON_MS)
    found.read(said(mine.record()), 0.0)
    assert found.mine == mine and mine.epoch != highest and not found.is_replaced
    assert epoch_of([("epoch", str(mine.epoch).encode())]) == mine.epoch


def test_a_word_under_the_key_of_another_source_is_nobodys() -> None:
    """It would be answered under its own key, where this source never reads the answer: a reading at each start."""
    word = Order("ad/other.example", "x", "somebody", "lost", NOON_MS).record()
    with capture_logs() as logs:
        found = book(StoredCheckpoint(f"resync#{SOURCE}", encode(word), None))
    assert found.due(99.0, NOON_MS) is None and len(logs) == 1
