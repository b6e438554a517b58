"""The desk as a process: the history is written in the loop of the sinks, pages and API are served beside it."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import ssl
import threading
import time
from pathlib import Path
from threading import Event
from types import TracebackType

import uvicorn

from sinks.actions.writer import ActionWriter
from sinks.desk.acting import Acting
from sinks.desk.application import application
from sinks.desk.catalogue import Catalogue
from sinks.desk.pipeline import Pipeline, PipelineWatch
from sinks.desk.reading import Reading
from sinks.history.actions import expired
from sinks.history.daily import note_days
from sinks.history.database import errors, open_database
from sinks.history.retention import expire
from sinks.history.sink import HistorySink
from sinks.runner import run
from streams.contracts.errors import FatalError, RetriableError, SettingsError
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger
from streams.runtime.service import Pulse
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import Partition, TopicReader
from streams.runtime.web_configuration import WebConfiguration

_EXPIRE_EVERY_S = 3600.0
_MOST_CONNECTIONS = 400  # of a hundred people: each listens, and asks for pages
_STREAMS_END_S = 2
_log = get_logger(__name__)


class Desk:
    """Listens from its making on (503 at /-/ready until the history has been read to its end); `run` does the work.

    >>> with Desk(settings, catalogue, pipeline) as desk:  # doctest: +SKIP
    ...     desk.run(stop)
    """

    def __init__(
        self, settings: Settings, catalogue: Catalogue, pipeline: Pipeline, *, version: str = "unknown"
    ) -> None:
        """Raises FatalError if `[desk] host, port` cannot be listened on, SettingsError for an address that is none of
        this machine's own, where nobody is asked who he is; RetriableError where the history's database is away."""
        self._settings = settings
        host = settings.desk.host
        tls = _tls(settings)
        _require_access(settings, encrypted=tls is not None)
        url = settings.history.url
        self._engine = open_database(url.get_secret_value() if url is not None else "", settings.streams.data_dir)
        self._sink = HistorySink(self._engine)
        self._writer = ActionWriter(settings.kafka)
        self._expired_at = 0.0
        self.pulse = Pulse()
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, settings.desk.port), family=family)
        except OSError as error:
            self._engine.dispose()
            raise FatalError(
                f"the desk cannot listen on {host}:{settings.desk.port} ({error.strerror}); set [desk] host and port"
            ) from error
        self._watch = PipelineWatch(pipeline, settings.desk.check_every_s)
        self._watch.start()
        reading = Reading(
            self._engine, catalogue, self._not_ready, self.pulse.stuck, self._watch, lambda: self._sink.writes
        )
        acting = Acting(self._engine, self._writer)
        secret = secret_in(settings.streams.data_dir)
        config = uvicorn.Config(
            application(
                reading, acting, access=settings.desk.access, secret=secret, version=version, secure=tls is not None
            ),
            log_config=None, access_log=False, server_header=False, proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS, lifespan="off", timeout_graceful_shutdown=_STREAMS_END_S,
        )  # fmt: skip
        config.load()
        config.ssl = tls
        self._scheme = "https" if tls is not None else "http"
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="desk", daemon=True)
        self._thread.start()
        _log.info("listening", url=self.url)

    @property
    def url(self) -> str:
        """Where people look."""
        host, port = self._socket.getsockname()[:2]
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    def run(self, stop: Event) -> None:
        """Follow the findings until `stop` is set. Raises FatalError when Kafka or the database refuses us."""
        reader = TopicReader(self._settings.kafka, self._sink.topics, "synchealth-desk")
        reader.start_at({Partition(topic, number): offset for (topic, number), offset in self._sink.offsets().items()})
        run(reader, self._sink, stop, self._turned)

    def close(self) -> None:
        """Stop listening."""
        self._watch.close()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _turned(self) -> None:
        self.pulse.beat()
        if time.monotonic() - self._expired_at < _EXPIRE_EVERY_S and self._expired_at:
            return
        if not self._sink.position.caught_up:  # before, what stood at the end of a day is not known
            return
        self._expired_at = time.monotonic()
        kept = self._settings.history
        try:
            note_days(self._engine, now_ms())
            gone = expire(
                self._engine,
                episodes_before_ms=now_ms() - int(kept.keep_episodes_s * 1000),
                documents_before_ms=now_ms() - int(kept.keep_documents_s * 1000),
            )
            self._forget_actions(now_ms() - int(kept.keep_episodes_s * 1000))
        except RetriableError as error:
            _log.warning("the history cannot be kept in order now", error=str(error))
        else:
            if gone:
                _log.info("old episodes removed", episodes=gone)

    def _forget_actions(self, before_ms: int) -> None:
        """Have the topic let go what was done with episodes that are gone; our rows go when we read that."""
        with errors(), self._engine.connect() as connection:
            keys = expired(connection, before_ms)
        if keys:
            self._writer.forget(keys)

    def _not_ready(self) -> str | None:
        position = self._sink.position
        if not position.caught_up:
            return f"the findings topic is still being read ({position.behind} records to go)"
        return None if position.in_contact else "Kafka is not connected"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    file = settings.metrics.web_config_file
    return WebConfiguration(file.expanduser()).tls if file is not None else None


def _require_access(settings: Settings, *, encrypted: bool) -> None:
    """Whoever comes from elsewhere must be known, and what says who it is must not be read on the way."""
    host, access = settings.desk.host, settings.desk.access
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    faults = []
    if not loopback and not access.is_required:
        faults.append(
            f"[desk] host {host!r}: without [desk.access] it is 127.0.0.1, ::1 or localhost; reach it by an SSH tunnel"
        )
    if not loopback and access.is_required and not access.names:
        faults.append("[desk.access] names: say under which names the desk answers, as in synchealth.example.com")
    if access.tokens and not loopback and not encrypted:
        faults.append("[desk.access] tokens need TLS: [metrics] web_config_file with a tls_server_config")
    if faults:
        raise SettingsError(faults)


def secret_in(folder: Path) -> str:
    """The secret of this installation's desk, made at its first start; nobody else reads it."""
    file = folder / "desk.secret"
    if not file.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as made:
            made.write(secrets.token_hex(32))
        new.replace(file)
    return file.read_text().strip()
