"""Watches the findings topic for the demo, in a thread, and tells every transition as it arrives."""

from __future__ import annotations

import threading
from collections.abc import Callable

from streams.contracts.entries import entry_of
from streams.contracts.errors import RetriableError
from streams.contracts.finding import Finding
from streams.contracts.topics import FINDINGS
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import TopicReader

OnFinding = Callable[[Finding], None]


class FindingsWatcher:
    """Calls `on_finding` from its own thread, in the order of the topic, until closed."""

    def __init__(self, kafka: KafkaSettings, on_finding: OnFinding) -> None:
        self._kafka, self._on_finding = kafka, on_finding
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="findings", daemon=True)

    def __enter__(self) -> FindingsWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5.0)

    def _watch(self) -> None:
        with TopicReader(self._kafka, [FINDINGS]) as reader:
            while not self._stop.is_set():
                try:
                    for record in reader.poll(0.1):
                        entry = entry_of(record.place.topic, record.key, record.value)
                        if isinstance(entry, Finding):
                            self._on_finding(entry)
                except RetriableError:
                    self._stop.wait(0.2)
