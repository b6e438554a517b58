"""The Prometheus exporter as a process: listener, reader and sink put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event, Thread
from types import TracebackType

from prometheus_client import CollectorRegistry, Info, ProcessCollector, disable_created_metrics

from sinks.labels import KnownDetection, LabelValues
from sinks.prometheus import PrometheusSink
from sinks.runner import run
from streams.contracts.errors import FatalError
from streams.contracts.topics import Topic
from streams.runtime.listener import Listener
from streams.runtime.logs import get_logger
from streams.runtime.service import Pulse
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import TopicReader

# Actions are read first: what somebody has accepted shall not count as unattended for a moment. Without them we go on.
_ACTIONS_FIRST_S = 10.0
_LOOK_S = 0.25
_REFUSED_AGAIN_S = 60.0
# How long a broker may hold a fetch that finds nothing: two readers that never rest are most of a quiet exporter's CPU.
_FETCH_WAIT_MS = 500
_log = get_logger(__name__)


class Exporter:
    """Listens from its making on (503 at /-/ready until caught up); `run` does the work.

    >>> with Exporter(settings, detections) as exporter:  # doctest: +SKIP
    ...     exporter.run(stop)
    """

    def __init__(self, settings: Settings, detections: Iterable[KnownDetection], *, version: str = "unknown") -> None:
        """Raises FatalError if `[metrics] host, port` cannot be listened on, SettingsError for its web_config_file."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._settings = settings
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        Info("synchealth_build", "What runs.", registry=self.registry).info({"version": version})
        self._sink = PrometheusSink(LabelValues.of_settings(settings, detections), self.registry)
        self.pulse = Pulse()
        metrics = settings.metrics
        self._listener = Listener(
            metrics.host, metrics.port, self.registry, role="exporter", setting="[metrics] host and port",
            ready=self._not_ready, healthy=self.pulse.stuck, web_config_file=metrics.web_config_file,
        )  # fmt: skip
        _log.info("listening", url=self.url)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return self._listener.url

    def run(self, stop: Event) -> None:
        """Follow the topics until `stop` is set. Raises FatalError when Kafka refuses us."""
        actions = Thread(target=self._follow_actions, args=(stop,), name="actions", daemon=True)
        actions.start()
        waited_s = 0.0
        while waited_s < _ACTIONS_FIRST_S and not (stop.is_set() or self._sink.actions.caught_up.wait(_LOOK_S)):
            waited_s += _LOOK_S
        run(self._reader(self._sink.topics, "synchealth-sink"), self._sink, stop, self.pulse.beat)
        actions.join()

    def _reader(self, topics: Sequence[Topic], client_id: str) -> TopicReader:
        return TopicReader(self._settings.kafka, topics, client_id, fetch_max_wait_ms=_FETCH_WAIT_MS)

    def _follow_actions(self, stop: Event) -> None:
        while not stop.is_set():
            try:
                sink = self._sink.actions
                run(self._reader(sink.topics, "synchealth-actions"), sink, stop)
            except FatalError as error:
                _log.error("what people do is not known: all that is open counts as unattended", error=str(error))
                stop.wait(_REFUSED_AGAIN_S)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def __enter__(self) -> Exporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _not_ready(self) -> str | None:
        position = self._sink.position
        if position.caught_up:
            return None
        return f"the findings topic is still being read: {position.behind} records to go"
