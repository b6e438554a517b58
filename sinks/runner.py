"""The only loop of the sinks: consume -> add -> flush."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Protocol

from sinks.consumer import Record
from sinks.sink import Entry, Meta, Position, Sink, Tombstone, Unreadable
from streams.contracts.codec import decode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.finding import Finding
from streams.contracts.topics import DEADLETTERS
from streams.runtime.logs import get_logger

_log = get_logger(__name__)
_WAIT_S = 0.5
# Unreadable records that are told in the log; a flood of them is a matter for the counter.
_COMPLAINTS = 20
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.25, 5.0


class Reader(Protocol):
    """What the loop needs of consumer.TopicReader."""

    def poll(self, wait_s: float) -> list[Record]: ...
    @property
    def position(self) -> Position: ...
    def close(self) -> None: ...


def run(reader: Reader, sink: Sink, stop: Event, turned: Callable[[], None] = lambda: None) -> None:
    """Feed `sink` from `reader` until `stop` is set; both are closed at the end.

    A record that cannot be read is handed over as Unreadable and stops nothing. RetriableError of
    either side is waited out with a growing pause; a FatalError ends the loop and goes to the caller.
    turned: called with every turn of the loop, whether Kafka answers or not.
    """
    backoff_s = _FIRST_BACKOFF_S
    flushed = True
    complaints = _COMPLAINTS
    try:
        while not stop.is_set():
            turned()
            try:
                if flushed:
                    records = reader.poll(_WAIT_S)
                    for record in records:
                        entry = entry_of(record)
                        if isinstance(entry, Unreadable) and complaints:
                            complaints -= 1
                            _complain(entry, record.meta, last=not complaints)
                        sink.add(entry, record.meta)
                    flushed = False
                sink.flush(reader.position)
                flushed = True
                backoff_s = _FIRST_BACKOFF_S
            except RetriableError as error:
                wait_s = error.retry_after_s or backoff_s
                _log.warning("sink waits", error=str(error), wait_s=wait_s)
                stop.wait(wait_s)
                backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)
    finally:
        sink.close()
        reader.close()


def _complain(entry: Unreadable, meta: Meta, *, last: bool) -> None:
    _log.warning(
        "unreadable record" + (", further ones are only counted" if last else ""),
        topic=meta.topic, partition=meta.partition, offset=meta.offset, reason=entry.reason, error=entry.message,
    )  # fmt: skip


def entry_of(record: Record) -> Entry:
    """What a record says. Never raises: what cannot be read becomes Unreadable."""
    try:
        if record.meta.topic == DEADLETTERS.name:
            return decode(record.value, DeadLetter)
        if record.value is None:
            return Tombstone(_finding_id(record.key))
        finding = decode(record.value, Finding)
        if record.key is not None and _finding_id(record.key) != finding.id:
            raise InvalidRecordError("wrong_key", f"finding {finding.id} stands under another key")
        return finding
    except InvalidRecordError as error:
        return Unreadable(error.reason, str(error))


def _finding_id(key: bytes | None) -> str:
    try:
        return (key or b"").decode() or _refuse()
    except UnicodeDecodeError:
        return _refuse()


def _refuse() -> str:
    raise InvalidRecordError("wrong_key", "a record of the findings topic has no readable key")
