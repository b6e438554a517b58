"""The loop: order of steps, backing off, keeping the batch, stopping."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable

import pytest
from prometheus_client import REGISTRY

from producers.checkpoint import StoredCheckpoint
from producers.ledger import Book, ReplacedError
from producers.publisher import checkpoint_key
from producers.runner import Runner
from producers.source import STREAMING, Batch, Progress
from producers.watermark import SourceWatermark
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter, dead_letter
from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.facts import Fact, Operation, Origin, Watermark
from streams.contracts.orders import Order
from tests.support.fake_kafka import FakeKafka, FakePublisher, Killed


def fact(number: int) -> Fact:
    return Fact(op=Operation.UPDATED, object_id=f"6e1a2c90-5b7d-4f38-9c21-{number:012d}", seq=number, ts_ms=1)


def position(number: int) -> Checkpoint:
    return Checkpoint(source="entra/t", seq=number, ts_ms=1, position={"at": number})


class Scripted:
    """A source that says what its script says, then asks the runner to stop."""

    def __init__(self, name: str, script: Iterable[Batch | Exception]) -> None:
        self.origin = Origin(name=name, side="entra", tenant="t")
        self.progress = Progress(phase=STREAMING)
        self.script = list(script)
        self.restored: list[Checkpoint] = []
        self.finished: Callable[[], None] = lambda: None
        self.waits = 0
        self.collections = ("users",)
        self.told_again: list[str] = []
        self.busy = False
        self.closed = False

    def restore(self, checkpoints: Iterable[Checkpoint], claimed_ms: int | None = None) -> None:
        self.restored = list(checkpoints)

    def read(self) -> Batch:
        if not self.script:
            self.finished()
            return Batch(contacted=False)
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def wait(self, timeout_s: float) -> None:
        self.waits += 1

    def wake(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def resync(self, collection: str) -> list[Checkpoint]:
        if collection not in ("", *self.collections):
            raise KeyError(collection)
        self.told_again = [*self.told_again, collection]
        return [Checkpoint(source=self.origin.name, seq=0, ts_ms=1, position={"again": collection or "all"})]

    def resyncing(self, collection: str) -> bool:
        return self.busy


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.backoff.wait_s", lambda attempt, asked_s=None, longest_s=60.0: 0.0)


def run(source: Scripted, publisher: FakePublisher, kafka: FakeKafka) -> Runner:
    runner = Runner(source, publisher, kafka.ledger())
    source.finished = runner.stop
    runner.run()
    return runner


def test_facts_are_acknowledged_before_the_position_is_sent() -> None:
    kafka, steps = FakeKafka(), []
    batch = Batch(facts=[fact(1), fact(2)], checkpoints=[position(1)])
    run(Scripted("entra/order", [batch]), FakePublisher(kafka, steps.append), kafka)
    assert steps == ["fact", "fact", "arrive", "arrive", "flushed", "checkpoint", "arrive", "flushed"]


def test_a_watermark_goes_behind_the_facts_and_needs_none() -> None:
    kafka, steps = FakeKafka(), []
    mark = Watermark(origin=Origin(name="entra/t", side="entra", tenant="t"), read_ms=1)
    script = [Batch(facts=[fact(1)], watermarks=[mark]), Batch(watermarks=[mark])]
    run(Scripted("entra/mark", script), FakePublisher(kafka, steps.append), kafka)
    assert [step for step in steps if step in ("fact", "watermark")] == ["fact", "watermark", "watermark"]
    assert kafka.watermarks == [mark, mark]


def test_what_counts_for_several_tenants_is_told_to_each_before_the_position() -> None:
    kafka, steps = FakeKafka(), []
    batch = Batch(
        facts=[fact(1)],
        checkpoints=[position(1)],
        beside=[Origin(name="ad/x", side="ad", tenant=each) for each in "bc"],
    )
    run(Scripted("ad/several", [batch]), FakePublisher(kafka, steps.append), kafka)
    assert [step for step in steps if step != "arrive"] == ["fact"] * 3 + ["flushed", "checkpoint", "flushed"]


def test_it_goes_on_where_it_was() -> None:
    kafka = FakeKafka()
    run(Scripted("entra/restart", [Batch(checkpoints=[position(7)])]), FakePublisher(kafka), kafka)
    again = Scripted("entra/restart", [])
    run(again, FakePublisher(kafka), kafka)
    assert again.restored == [position(7)] and again.closed


def test_while_kafka_is_away_the_batch_is_kept_and_nothing_more_is_read() -> None:
    kafka, failures = FakeKafka(), [RetriableError("away")] * 5
    batches = [Batch(facts=[fact(n)], checkpoints=[position(n)], more=True) for n in range(3)]
    source = Scripted("entra/away", batches)
    read_ahead = []

    def before(step: str) -> None:
        if step == "arrive" and failures:
            read_ahead.append(3 - len(source.script))
            raise failures.pop()

    run(source, FakePublisher(kafka, before), kafka)
    assert [each.seq for each in kafka.facts] == [0, 1, 2]
    assert set(read_ahead) == {1}
    assert kafka.parts[""] == position(2)


def test_a_source_in_trouble_is_asked_again() -> None:
    kafka = FakeKafka()
    script = [RetriableError("a"), RetriableError("b", retry_after_s=5), Batch(facts=[fact(1)])]
    run(Scripted("entra/trouble", script), FakePublisher(kafka), kafka)
    assert len(kafka.facts) == 1
    labels = {"source": "entra/trouble", "stage": "read", "error": "RetriableError"}
    assert REGISTRY.get_sample_value("synchealth_producer_errors_total", labels) == 2


def test_the_publisher_is_closed_though_the_source_cannot_be() -> None:
    class Stuck(Scripted):
        def close(self) -> None:
            raise OSError("no answer")

    kafka = FakeKafka()
    publisher = FakePublisher(kafka)
    with pytest.raises(OSError, match="no answer"):
        Runner(Stuck("entra/stuck", [FatalError("no rights")]), publisher, kafka.ledger()).run()
    assert publisher.closed


def test_a_fatal_error_ends_the_run_and_closes_everything() -> None:
    kafka = FakeKafka()
    source, publisher = Scripted("entra/fatal", [FatalError("no rights")]), FakePublisher(kafka)
    with pytest.raises(FatalError, match="no rights"):
        run(source, publisher, kafka)
    assert source.closed and publisher.closed


def test_a_stop_during_endless_failures_ends_the_run() -> None:
    kafka = FakeKafka()
    source = Scripted("entra/stop", [])
    failed = threading.Event()

    def read() -> Batch:
        failed.set()
        raise RetriableError("for ever")

    source.read = read  # type: ignore[method-assign]
    runner = Runner(source, FakePublisher(kafka), kafka.ledger())
    thread = threading.Thread(target=runner.run)
    thread.start()
    assert failed.wait(120)
    runner.stop()
    thread.join(120)
    assert not thread.is_alive() and source.closed


def test_it_waits_only_when_there_is_no_more() -> None:
    kafka = FakeKafka()
    source = Scripted("entra/wait", [Batch(more=True), Batch(more=True), Batch()])
    run(source, FakePublisher(kafka), kafka)
    assert source.waits == 1


def test_no_contact_and_no_news_are_told_apart() -> None:
    def sample(name: str) -> float:
        return REGISTRY.get_sample_value(f"synchealth_producer_{name}", {"source": "entra/news"}) or 0.0

    kafka = FakeKafka()
    run(Scripted("entra/news", [Batch(contacted=False)]), FakePublisher(kafka), kafka)
    assert sample("heartbeat_timestamp_seconds") and not sample("last_contact_timestamp_seconds")
    run(Scripted("entra/news", [Batch()]), FakePublisher(kafka), kafka)
    assert sample("last_contact_timestamp_seconds") and not sample("last_change_timestamp_seconds")
    letter = DeadLetter(reason="no_id", error="x", stage="source", ts_ms=1, original="")
    script = [Batch(facts=[fact(1)], checkpoints=[position(1)], rejected=[letter])]
    run(Scripted("entra/news", script), FakePublisher(kafka), kafka)
    assert sample("last_change_timestamp_seconds") and sample("checkpoint_timestamp_seconds")
    count = REGISTRY.get_sample_value
    assert count("synchealth_producer_facts_published_total", {"source": "entra/news", "op": "u"}) == 1
    assert count("synchealth_producer_rejected_total", {"source": "entra/news", "reason": "no_id"}) == 1
    assert [each.reason for each in kafka.letters] == ["no_id"]


def test_how_far_a_forest_was_read_is_delivered_and_is_no_change() -> None:
    kafka = FakeKafka()
    mark = SourceWatermark(read_until_ms=1, seq=1, ts_ms=1)
    publisher = FakePublisher(kafka)
    run(Scripted("ad/idle", [Batch(read_until=mark)]), publisher, kafka)

    assert kafka.read_until == [mark] and not kafka.facts
    labels = {"source": "ad/idle"}
    assert REGISTRY.get_sample_value("synchealth_producer_last_change_timestamp_seconds", labels) is None
    assert REGISTRY.get_sample_value("synchealth_producer_last_contact_timestamp_seconds", labels) is not None

    run(Scripted("ad/idle", [Batch(facts=[fact(2)])]), publisher, kafka)
    assert REGISTRY.get_sample_value("synchealth_producer_last_change_timestamp_seconds", labels) is not None


def order(number: int, collection: str = "") -> Order:
    return Order("entra/orders", f"order-{number}", "somebody", "lost", 1, collection)


def run_with_orders(
    kafka: FakeKafka, before: Callable[[str], None] = lambda step: None, busy: bool = False
) -> Scripted:
    source = Scripted("entra/orders", [Batch(), Batch(), Batch()])
    source.busy = busy
    with contextlib.suppress(Killed):
        run(source, FakePublisher(kafka, before), kafka)
    return source


def test_an_order_is_carried_out_once_whatever_dies_on_the_way() -> None:
    """At every step of the runner: the position is never without its reading, the reading never left out."""
    for death in range(1, 40):
        kafka, left = FakeKafka(), death

        def before(step: str) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise Killed(step)

        kafka.orders.append(order(1))
        first = run_with_orders(kafka, before)
        begun = [answer.state for answer in kafka.answers]
        if begun:
            assert kafka.parts[""].position == {"again": "all"}, "the answer is never without the position"
        second = run_with_orders(kafka)
        assert first.told_again or second.told_again
        assert not (begun and second.told_again), "an order that was answered is not carried out again"
        assert [answer.state for answer in kafka.answers][-1] == "done"
        assert run_with_orders(kafka).told_again == []
        if left > 0:
            return
    raise AssertionError("the run takes more steps than were tried")


def test_a_reading_that_goes_on_is_not_said_to_be_done() -> None:
    kafka = FakeKafka()
    kafka.orders.append(order(1))
    assert run_with_orders(kafka, busy=True).told_again == [""]
    assert [answer.state for answer in kafka.answers] == ["begun"]
    kafka.orders.append(order(2))
    assert run_with_orders(kafka, busy=True).told_again == [], "one at a time"
    run_with_orders(kafka)
    assert [(answer.id, answer.state) for answer in kafka.answers] == [
        ("order-1", "begun"), ("order-1", "done"), ("order-2", "begun"), ("order-2", "done"),
    ]  # fmt: skip


def test_an_order_that_is_not_done_is_in_every_word_on_how_fresh_the_source_is() -> None:
    kafka = FakeKafka()
    kafka.orders.append(order(1, "users"))
    run_with_orders(kafka, busy=True)
    gauge, labels = "synchealth_producer_ordered_readings_open", {"source": "entra/orders"}
    assert [word.position["orders"] for word in kafka.contacts] == [["entra/orders#users"]]
    assert REGISTRY.get_sample_value(gauge, labels) == 1
    run_with_orders(kafka)
    assert "orders" not in kafka.contacts[-1].position, "told at once, not with the next word"
    assert REGISTRY.get_sample_value(gauge, labels) == 0


def test_an_order_for_what_there_is_not_is_refused_with_the_names_that_there_are() -> None:
    kafka = FakeKafka()
    kafka.orders += [order(1, "user"), order(2, "users")]
    assert run_with_orders(kafka).told_again == ["users"]
    [refused] = [answer for answer in kafka.answers if answer.state == "refused"]
    assert refused.scope == "entra/orders#user" and "users" in refused.note


def test_while_kafka_is_away_an_order_is_begun_once() -> None:
    kafka, failures = FakeKafka(), [RetriableError("away")] * 3
    kafka.orders.append(order(1))

    def before(step: str) -> None:
        if step == "arrive" and failures:
            raise failures.pop()

    assert run_with_orders(kafka, before).told_again == [""]
    assert kafka.parts[""].position == {"again": "all"} and not failures


def test_a_replaced_writer_writes_nothing_more_stands_by_and_then_ends() -> None:
    kafka = FakeKafka()
    source = Scripted("entra/replaced", [Batch(facts=[fact(1)], checkpoints=[position(1)])])
    read = source.read

    def replaced_meanwhile() -> Batch:
        kafka.replaced = True
        return read()

    source.read = replaced_meanwhile  # type: ignore[method-assign]
    publisher = FakePublisher(kafka)
    with pytest.raises(ReplacedError):
        run(source, publisher, kafka)
    assert not kafka.facts and not kafka.parts and source.closed and publisher.closed
    gauge = "synchealth_producer_ordered_readings_open"
    assert REGISTRY.get_sample_value(gauge, {"source": "entra/replaced"}) == 0, "the new writer's to tell"


def test_how_long_ago_the_other_side_answered_is_told_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"mono": 100.0, "wall_ms": 1_790_000_000_000}
    monkeypatch.setattr("producers.runner.time.monotonic", lambda: clock["mono"])
    monkeypatch.setattr("producers.runner.now_ms", lambda: int(clock["wall_ms"]))
    kafka = FakeKafka()
    runner = Runner(Scripted("ad/wrong", [Batch(), Batch(contacted=False)]), FakePublisher(kafka), kafka.ledger())
    runner._turn()
    clock.update(mono=140.0, wall_ms=1_790_000_040_000 - 3_600_000)
    runner._turn()
    assert [word.ts_ms - word.position["contact_ms"] for word in kafka.contacts] == [0, 40_000]


def test_the_end_of_the_first_reading_is_told_once_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"ms": 1_790_000_000_000}
    monkeypatch.setattr("producers.runner.now_ms", lambda: clock["ms"])
    kafka, mark = FakeKafka(), Watermark(origin=Origin(name="entra/t", side="entra", tenant="t"), read_ms=1)
    devices = Watermark(origin=mark.origin, read_ms=1, part="devices")
    source = Scripted("entra/t", [Batch(watermarks=[devices]), Batch(watermarks=[mark]), Batch(), Batch()])
    runner = Runner(source, FakePublisher(kafka), kafka.ledger())
    for phase in ("snapshot", "snapshot", STREAMING, "resync"):
        source.progress.phase = phase
        clock["ms"] += 20_000
        runner._turn()
    told = [word.position.get("whole_ms") for word in kafka.contacts]
    assert told == [None, 1_790_000_060_000, 1_790_000_060_000], "not before every part of it was read"

    book = Book("entra/t", "me")
    for word in kafka.contacts:
        book.read(StoredCheckpoint(checkpoint_key(word), encode(word), None), 0.0)
    assert book.whole_ms == 1_790_000_060_000, "the next life goes on telling it"


def test_a_page_of_nothing_but_unusable_items_is_no_flood_of_dead_letters() -> None:
    kafka, name = FakeKafka(), "entra/refusals"
    letters = [dead_letter("no_id", f"item {number}", stage="source", ts_ms=1, original=b"") for number in range(999)]
    run(Scripted(name, [Batch(rejected=letters), Batch(rejected=letters[:100])]), FakePublisher(kafka), kafka)
    assert len(kafka.letters) == 200 and kafka.letters[100:] == letters[:100]
    assert "900 more" not in kafka.letters[98].error and "899 more" in kafka.letters[99].error
    counted = REGISTRY.get_sample_value("synchealth_producer_rejected_total", {"source": name, "reason": "no_id"})
    assert counted == 1099
