"""A desk in this process: what it is told of the pipeline, without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine

from sinks.actions.writer import ActionWriter
from sinks.desk.acting import Acting
from sinks.desk.application import application
from sinks.desk.pipeline import Checked, LastSync, Pipeline, PipelineWatch, Timeline
from sinks.desk.presence import Presence
from sinks.desk.reading import Reading
from sinks.freshness import Freshness, LastContact, SourceFreshness
from sinks.history.sink import HistorySink
from sinks.lag import Lag
from sinks.sink import Meta
from streams.contracts.actions import Action
from streams.contracts.errors import RetriableError
from streams.contracts.topics import ACTIONS
from streams.runtime.clock import now_ms
from streams.runtime.desk_settings import AccessSettings
from streams.runtime.topic_reader import ReaderProgress


class Kept:
    """Keeps what the desk would write to Kafka, and has the history read it at once. `away`: fails instead."""

    def __init__(self, engine: Engine) -> None:
        self._sink = HistorySink(engine)
        self.written: list[Action] = []
        self.away = False

    def write(self, actions: Iterable[Action]) -> None:
        if self.away:
            raise RetriableError("no Kafka at 127.0.0.1:1")
        for action in actions:
            self._sink.add(action, Meta(ACTIONS.name, 0, len(self.written), now_ms(), live=True))
            self.written.append(action)
        self._sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))


class _From:
    """The application, asked from some address."""

    def __init__(self, peer: str, app: Litestar) -> None:
        self._peer, self._app = peer, app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["client"] = (self._peer, 50000)
        await self._app(scope, receive, send)


def client_of(
    reading: Reading, writer: Kept | None = None, access: AccessSettings | None = None, peer: str = "testclient"
) -> TestClient[Any]:
    """Asks the desk that answers from `reading`."""
    acting = Acting(reading.engine, cast(ActionWriter, writer or Kept(reading.engine)))
    app = application(reading, acting, access=access or AccessSettings(), secret="s" * 64, version="1")
    return TestClient(_From(peer, app), base_url="http://127.0.0.1", raise_server_exceptions=False)


def whole(name: str = "ad/corp.contoso.local") -> Freshness:
    """One source that was read whole and worked off, a moment ago."""
    at_ms = now_ms()
    source = SourceFreshness(name, 15.0, LastContact(at_ms, "following", 3))
    return Freshness(at_ms, [source], Lag(0, None, committed=True))


NOTHING = Timeline(entries=[])


def watch_of(
    freshness: Callable[[], Freshness] = whole,
    checks: Sequence[Checked] = (),
    timeline: Timeline = NOTHING,
    present: Sequence[Presence] = (),
    cycles: Mapping[str, LastSync] | None = None,
) -> PipelineWatch:
    """A watch that has looked once."""
    pipeline = Pipeline(
        freshness=freshness, checks=lambda: checks, timeline=lambda _: timeline, present=lambda _: list(present),
        cycles=lambda: cycles or {},
    )  # fmt: skip
    watch = PipelineWatch(pipeline, 600.0)
    watch.look()
    watch.check()
    return watch
