"""Refusing cannot fail, and garbage of any amount stops nobody; a broken version stops."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from streams.agents.client import MAX_RECORD_BYTES
from streams.agents.deadletters import Fuse
from streams.agents.delivery.lanes import Record
from streams.agents.delivery.outbox import Outbox
from streams.agents.evaluate import EvaluatePartition
from streams.agents.project import ContextPartition, EventPartition, ProjectPartition
from streams.contracts.codec import decode, encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import FatalError
from streams.contracts.events import Event, EventChunk, Log
from streams.contracts.facts import Fact, FactChunk, ObjectKind, Operation, TenantState
from streams.contracts.topics import DEADLETTERS
from streams.contracts.views import CauseUpdate, ContextUpdate
from streams.directory.rows import MemoryRows
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from tests.support.cases import guid_of
from tests.support.pipeline import AD, TENANT


class Producer:
    """Takes what a broker with our settings takes."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None]] = []

    async def send(self, topic: str, value: bytes | None, *, key: bytes, partition: int) -> asyncio.Future[None]:
        assert len(key) + len(value or b"") <= MAX_RECORD_BYTES + 1000, "MessageSizeTooLargeError"
        self.sent.append((topic, value))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def letters(self) -> list[DeadLetter]:
        return [decode(value, DeadLetter) for topic, value in self.sent if topic == DEADLETTERS.name]


class Rows(MemoryRows):
    """Rows in memory with the manners of a table partition."""

    def prefetch(self, keys: Any) -> None:
        list(keys)

    def keep(self) -> None:
        self.kept = dict(self.rows)

    def drop(self) -> None:
        self.rows = dict(getattr(self, "kept", {}))

    async def flush(self) -> None:
        pass


def _new_outbox(producer: Producer) -> Any:
    return lambda stage, record: Outbox(producer, lambda: None, 2, stage, record)  # type: ignore[arg-type]


def _record(value: bytes, offset: int = 0) -> Record:
    return Record("synchealth.ad.changes.v1", 0, offset, b"k", value, 1)


def _projecting(producer: Producer, projector: Any = None) -> ProjectPartition:
    return ProjectPartition(projector or Projector({}), Rows(), _new_outbox(producer), Fuse("project"))  # type: ignore[arg-type]


def _chunks(*facts: Fact) -> list[Record]:
    return [_record(encode(FactChunk(origin=AD, facts=[fact])), number) for number, fact in enumerate(facts)]


async def test_a_record_of_six_megabytes_of_garbage_is_one_small_letter() -> None:
    producer = Producer()
    await _projecting(producer)([_record(b"\xff" * 6_000_000)])
    [letter] = producer.letters()
    assert (letter.original, letter.original_bytes, letter.shape) == ("", 6_000_000, "not JSON")
    assert letter.original_sha256 == hashlib.sha256(b"\xff" * 6_000_000).hexdigest()


@pytest.mark.parametrize("object_id", ["no guid", "", "{00000000-0000-0000-0000-000000000001}", "x" * 5000, "\x1b[0m"])
async def test_any_number_of_facts_about_nothing_stops_nobody(object_id: str) -> None:
    producer = Producer()
    facts = [
        Fact(op=Operation.READ, object_id=f"{object_id}{number}", seq=1, ts_ms=1, kind=ObjectKind.USER)
        for number in range(300)
    ]
    good = Fact(op=Operation.READ, object_id=guid_of("good"), seq=1, ts_ms=1, kind=ObjectKind.USER)
    projecting = _projecting(producer)
    await projecting(_chunks(*facts, good))
    assert {letter.reason for letter in producer.letters()} == {"object_guid"}
    assert len(producer.letters()) == 300


@pytest.mark.parametrize(
    "attributes",
    [
        {"objectSid": 17, "userAccountControl": "x"},
        {"proxyAddresses": [1, None, {"a": []}]},
        {"userPrincipalName": ["a", "b"], "distinguishedName": 3},
        {"mS-DS-ConsistencyGuid": {"a": 1}, "whenCreated": [], "pwdLastSet": "never"},
        {"userCertificate": [3], "operatingSystem": [], "proxyAddresses": "SMTP:a@b"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [ObjectKind.USER, ObjectKind.GROUP, ObjectKind.DEVICE])
async def test_any_number_of_facts_of_wrong_types_stops_nobody(attributes: dict[str, Any], kind: ObjectKind) -> None:
    producer = Producer()
    facts = [
        Fact(op=Operation.READ, object_id=guid_of(str(number)), seq=1, ts_ms=1, kind=kind, attributes=attributes)
        for number in range(250)
    ]
    await _projecting(producer)(_chunks(*facts))


@pytest.mark.parametrize("depth", [100, 300, 900, 5000])
async def test_a_fact_of_any_depth_stops_nobody(depth: int) -> None:
    """JSON is read deeper than it is written: the letter about such a fact must not fail."""
    deep = b"[" * depth + b"]" * depth
    whole = encode(FactChunk(origin=AD, facts=[]))
    producer = Producer()
    good = Fact(op=Operation.READ, object_id=guid_of("good"), seq=1, ts_ms=1, kind=ObjectKind.USER)
    await _projecting(producer)([_record(whole.replace(b"[]", b"[" + deep + b"]")), *_chunks(good)])
    [letter] = producer.letters()
    assert letter.reason in {"wrong_shape", "not_json"}


async def test_a_version_that_is_broken_stops() -> None:
    class Broken(Projector):
        def apply(self, *_: Any) -> Any:
            raise KeyError("a bug")

    facts = [Fact(op=Operation.READ, object_id=guid_of(str(n)), seq=1, ts_ms=1) for n in range(300)]
    with pytest.raises(FatalError, match="fault of this version"):
        await _projecting(Producer(), Broken({}))(_chunks(*facts))


async def test_what_follows_from_a_record_may_be_too_large_to_be_sent() -> None:
    """A tenant, an event: our word about it is larger than what we were told."""
    producer = Producer()
    tenant = TenantState(tenant=TENANT, seq=1, ts_ms=1, organization={"displayName": "x" * 7_339_900})
    await ContextPartition(_new_outbox(producer))([_record(encode(tenant))])
    assert {letter.reason for letter in producer.letters()} <= {"too_large", "contribution_too_large"}
    assert producer.letters()

    event = Event(
        id="1", log=Log.AUDIT, name="update user", tenant=TENANT, ts_ms=1, seen_ms=1, entra_id=guid_of("a"),
        reason="x" * 7_339_900,
    )  # fmt: skip
    await EventPartition(_new_outbox(producer))([_record(encode(EventChunk(source="entra/x", events=[event])))])


async def test_records_that_a_partition_cannot_take_in_stop_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """And leave its memory as the rows say."""
    producer, fuse = Producer(), Fuse("evaluate")
    rows, options = Rows(), EvaluatorOptions()
    partition = ViewPartition((), options)
    evaluating = EvaluatePartition(partition, rows, _new_outbox(producer), fuse, options)  # type: ignore[arg-type]
    jobs: Any = [{"kind": 1}, 3]
    bad = encode(ContextUpdate(sent_ms=1, tenant=TenantState(tenant="t", seq=1, ts_ms=1, jobs=[{"kind": "a"}])))
    bad = bad.replace(b'{"kind":"a"}', encode(jobs[0]))
    cause = encode(CauseUpdate(sent_ms=1, tenant="t", detection="x", seq=1, finding="f"))
    sound = partition.apply

    def picky(part: Any, rows: Any) -> Any:
        if isinstance(part, ContextUpdate):
            raise KeyError("odd data")
        return sound(part, rows)

    monkeypatch.setattr(partition, "apply", picky)
    await evaluating([*(_record(bad, number) for number in range(300)), _record(cause, 300)])
    assert len(producer.letters()) == 300
    assert partition._known.context("t").causes == {"x": "f"}
