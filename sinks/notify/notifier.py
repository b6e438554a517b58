"""The process that notifies: a thread reads findings, one reads freshness, and each channel has its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from threading import Event
from types import TracebackType

from prometheus_client import CollectorRegistry, Info, ProcessCollector, disable_created_metrics

from sinks.actions.writer import ActionWriter
from sinks.freshness_source import read_freshness
from sinks.history.database import open_database
from sinks.notify.channels.answering import Answering
from sinks.notify.channels.registry import channels_of
from sinks.notify.ledger import NotificationLedger
from sinks.notify.metrics import Metrics
from sinks.notify.post import Post
from sinks.notify.present import CurrentFindings, Sight
from sinks.notify.routes import Routes
from sinks.notify.tickets import TicketPoll
from sinks.notify.wording import Wording
from sinks.runner import run
from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.backoff import Backoff
from streams.runtime.clock import now_ms
from streams.runtime.listener import Listener
from streams.runtime.logs import get_logger
from streams.runtime.service import Pulse
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import TopicReader

_TURN_EVERY_S = 0.5
_LOOK_EVERY_S = 15.0
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 1.0, 300.0
_JOIN_S = 10.0
_log = get_logger(__name__)


class Notifier:
    """Listens from its making on (503 at /-/ready until the findings have been read to their end); `run` works.

    >>> with Notifier(settings, titles, families) as notifier:  # doctest: +SKIP
    ...     notifier.run(stop)
    """

    def __init__(
        self, settings: Settings, titles: Mapping[str, str], families: Mapping[str, str], *, version: str = "unknown"
    ) -> None:
        """titles, families: of each detection.

        Raises SettingsError for a route or a channel that cannot be, FatalError where [notify] metrics_port is taken,
        RetriableError where the database of the history is away.
        """
        self._settings = settings
        routes = Routes(settings, families)
        self._channels = channels_of(settings.channel, settings.installation.name, version)
        url = settings.history.url
        self._engine = open_database(url.get_secret_value() if url is not None else "", settings.streams.data_dir)
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        Info("synchealth_build", "What runs.", registry=self.registry).info({"version": version})
        self._metrics = Metrics(self.registry, list(self._channels))
        self.present = CurrentFindings(routes, list(self._channels))
        wording = Wording(titles, routes, settings.desk.address)
        digests = routes.digests()
        self._posts = [
            Post(
                table.name, self._channels[table.name], NotificationLedger(self._engine, table.name), self.present,
                wording,
                self._metrics, most_per_hour=table.most_per_hour, settle_s=settings.notify.settle_s,
                digest_s=digests.get(table.name),
            )
            for table in settings.channel
        ]  # fmt: skip
        self._writer = ActionWriter(settings.kafka, "synchealth-notify")
        self._hearings = {
            name: TicketPoll(name, channel, self.present, self._writer)
            for name, channel in self._channels.items()
            if isinstance(channel, Answering)
        }
        self.pulse = Pulse()
        self._threads: list[threading.Thread] = []
        metrics = settings.metrics
        self._listener = Listener(
            settings.notify.metrics_host or metrics.host, settings.notify.metrics_port, self.registry, role="notify",
            setting="[notify] metrics_host and metrics_port", ready=self._not_ready, healthy=self.stuck,
            web_config_file=metrics.web_config_file,
        )  # fmt: skip
        _log.info("listening", url=self._listener.url, channels=list(self._channels))

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return self._listener.url

    def run(self, stop: Event) -> None:
        """Read findings and notify channels of them until `stop` is set. Raises FatalError when Kafka refuses us."""
        over = Event()
        self._threads = [threading.Thread(target=self._look, args=(over,), name="sight", daemon=True)]
        for post in self._posts:
            name = f"channel-{post.name}"
            self._threads.append(threading.Thread(target=self._serve, args=(post, over), name=name, daemon=True))
        for thread in self._threads:
            thread.start()
        try:
            reader = TopicReader(self._settings.kafka, self.present.topics, "synchealth-notify")
            run(reader, self.present, stop, self.pulse.beat)
        finally:
            over.set()
            for thread in self._threads:
                thread.join(_JOIN_S)

    def stuck(self) -> str | None:
        """Why a restart would help; None where it would not."""
        dead = [thread.name for thread in self._threads if thread.ident is not None and not thread.is_alive()]
        return f"{', '.join(dead)} has ended" if dead else self.pulse.stuck()

    def close(self) -> None:
        """Stop listening, and close every channel."""
        self._listener.close()
        for channel in self._channels.values():
            channel.close()
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Notifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self, over: Event) -> None:
        """Read freshness over and over."""
        while not over.is_set():
            try:
                self.present.sight = Sight(read_freshness(self._settings))
            except RetriableError as error:
                _log.warning("how fresh everything is cannot be read", error=str(error))
            blind = self.present.sight.blind(None, now_ms())
            self._metrics.sighted.set(blind is None)
            over.wait(_LOOK_EVERY_S)

    def _serve(self, post: Post, over: Event) -> None:
        backoff = Backoff(_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S)
        failing_since = self._metrics.failing_since.labels(post.name)
        while not over.is_set():
            wait_s = _TURN_EVERY_S
            try:
                post.turn()
                if post.name in self._hearings:
                    self._hearings[post.name].turn()
            except Exception as error:  # noqa: BLE001 - a channel's fault, ours or another's, is that channel's alone
                if not backoff.failures:
                    failing_since.set(now_ms() / 1000)
                asked_s = error.retry_after_s if isinstance(error, RetriableError) else None
                wait_s = backoff.failed(asked_s)
                known = isinstance(error, RetriableError | FatalError)
                _log.warning(
                    "channel waits", channel=post.name, error=str(error), wait_s=round(wait_s, 1), exc_info=not known
                )
            else:
                if backoff.failures:
                    backoff.succeeded()
                    failing_since.set(0)
            over.wait(wait_s)

    def _not_ready(self) -> str | None:
        position = self.present.position
        if not position.caught_up:
            return f"the findings topic is still being read ({position.behind} records to go)"
        return None if position.in_contact else "Kafka is not connected"
