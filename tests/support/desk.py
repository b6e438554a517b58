"""A desk in this process: what it is told of the pipeline, without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litestar import Litestar
from litestar.testing import TestClient

from sinks.desk.application import application
from sinks.desk.pipeline import Checked, Pipeline, PipelineWatch, Told
from sinks.desk.presence import Presence
from sinks.desk.reading import Reading
from sinks.freshness import Freshness, Heard, SourceFreshness
from sinks.lag import Lag
from streams.runtime.clock import now_ms


def client_of(reading: Reading) -> TestClient[Litestar]:
    """Asks the desk that answers from `reading`."""
    app = application(reading, version="1")
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


def whole(name: str = "ad/corp.contoso.local") -> Freshness:
    """One source that was read whole and worked off, a moment ago."""
    at_ms = now_ms()
    return Freshness(at_ms, [SourceFreshness(name, 15.0, Heard(at_ms, "following", 3))], Lag(0, None, committed=True))


NOTHING = Told(said=[])


def watch_of(
    freshness: Callable[[], Freshness] = whole,
    checks: Sequence[Checked] = (),
    told: Told = NOTHING,
    present: Sequence[Presence] = (),
) -> PipelineWatch:
    """A watch that has looked once."""
    pipeline = Pipeline(
        freshness=freshness, checks=lambda: checks, told=lambda _: told, present=lambda _: list(present)
    )
    watch = PipelineWatch(pipeline, 600.0)
    watch.look()
    watch.check()
    return watch
