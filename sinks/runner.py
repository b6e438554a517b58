"""The only loop of the sinks: consume -> add -> flush."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from threading import Event
from typing import Protocol

from sinks.sink import Meta, Sink
from streams.contracts.entries import Unreadable, entry_of
from streams.contracts.errors import RetriableError
from streams.runtime.backoff import Backoff
from streams.runtime.logs import get_logger
from streams.runtime.topic_reader import ReaderProgress, StoredRecord

_log = get_logger(__name__)
_WAIT_S = 0.5
# Unreadable records that are told in the log; a flood of them is a matter for the counter.
_COMPLAINTS = 20
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.25, 5.0


class Reader(Protocol):
    """What the loop needs of a TopicReader."""

    def poll(self, wait_s: float) -> list[StoredRecord]: ...
    @property
    def position(self) -> ReaderProgress: ...
    def close(self) -> None: ...


def run(reader: Reader, sink: Sink, stop: Event, turned: Callable[[], None] = lambda: None) -> None:
    """Feed `sink` from `reader` until `stop` is set; both are closed at the end.

    A record that cannot be read is handed over as Unreadable and stops nothing. RetriableError of
    either side is waited out with a growing pause; a FatalError ends the loop and goes to the caller.
    turned: called with every turn of the loop, whether Kafka answers or not.
    """
    backoff = Backoff(_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S)
    flushed = True
    complaints = _COMPLAINTS
    with closing(reader), closing(sink):
        while not stop.is_set():
            turned()
            try:
                if flushed:
                    records = reader.poll(_WAIT_S)
                    for record in records:
                        meta = Meta(*record.place, record.offset, record.ts_ms, record.live)
                        entry = entry_of(meta.topic, record.key, record.value)
                        if isinstance(entry, Unreadable) and complaints:
                            complaints -= 1
                            _complain(entry, meta, last=not complaints)
                        sink.add(entry, meta)
                    flushed = False
                sink.flush(reader.position)
                flushed = True
                backoff.succeeded()
            except RetriableError as error:
                wait_s = backoff.failed(error.retry_after_s or None)
                _log.warning("sink waits", error=str(error), wait_s=round(wait_s, 2))
                stop.wait(wait_s)


def _complain(entry: Unreadable, meta: Meta, *, last: bool) -> None:
    _log.warning(
        "unreadable record" + (", further ones are only counted" if last else ""),
        topic=meta.topic, partition=meta.partition, offset=meta.offset, reason=entry.reason, error=entry.message,
    )  # fmt: skip
