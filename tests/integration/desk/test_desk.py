"""The desk as a process: killed at any moment, its history is what one reading of the topic gives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select, text

from deploy.broker import Broker
from sinks.actions.writer import ActionWriter
from sinks.desk.catalogue import Catalogue
from sinks.desk.desk import Desk
from sinks.desk.pipeline import Pipeline
from sinks.history.database import open_database
from sinks.history.schema import METADATA
from sinks.history.sink import HistorySink
from sinks.runner import run
from streams.contracts.actions import Accept, Acknowledge, Action, Assign, Comment
from streams.contracts.errors import SettingsError
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import rfc3339
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import TopicReader
from tests.integration.prometheus.conftest import create_topics, publisher
from tests.support.actions import action
from tests.support.desk import whole
from tests.support.findings import finding
from tests.support.prometheus import until

AT = 1_790_000_000_000


def records(start: int, count: int) -> Iterator[Finding]:
    for number in range(start, start + count):
        for revision, state in ((1, FindingState.OPEN), (2, FindingState.RESOLVED), (3, FindingState.OPEN)):
            at = rfc3339(AT + number * 1000 + revision)
            opened = rfc3339(AT + number * 1000 + (1 if revision == 2 else revision))
            yield msgspec.structs.replace(
                finding(number), state=state, revision=revision, opened_at=opened, observed_at=opened, updated_at=at,
                resolved_at=at if revision == 2 else None,
            )  # fmt: skip


@contextmanager
def desk(folder: Path, bootstrap: str) -> Iterator[subprocess.Popen[str]]:
    config = folder / "settings.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = ["{bootstrap}"]\n[streams]\ndata_dir = "{folder}"\n[desk]\nport = 0\n'
    )
    command = [sys.executable, "-m", "deploy.cli.main", "run", "desk", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("desk: "):
            return line.removeprefix("desk: ").strip()
    raise AssertionError("the desk ended before it listened")


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}-/ready", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def everything(folder: Path) -> list[list[tuple[object, ...]]]:
    engine = open_database("", folder)
    tables = [each for each in METADATA.sorted_tables if each.name != "daily"]  # it hangs on the day of the test
    with engine.connect() as connection:
        found = [sorted(map(tuple, connection.execute(select(each))), key=repr) for each in tables]
        found.append(sorted(map(tuple, connection.execute(text("SELECT rowid, text FROM names")))))
    engine.dispose()
    return found


@pytest.mark.kafka
def test_killed_at_random_the_history_equals_a_replay(empty_kafka: Broker, tmp_path: Path) -> None:
    chance = random.Random(17)
    broker = empty_kafka
    create_topics(broker.bootstrap)
    kafka = Settings.model_validate({"kafka": {"bootstrap_servers": [broker.bootstrap]}}).kafka
    with publisher(broker.bootstrap) as publish, closing(ActionWriter(kafka)) as acted:
        killed = tmp_path / "killed"
        killed.mkdir()
        for turn in range(4):
            with desk(killed, broker.bootstrap) as process:
                url_of(process)
                for part in range(10):
                    publish(list(records(turn * 200 + part * 20, 20)))
                    acted.write(deeds(turn * 200 + part * 20))
                    if part == chance.randrange(10):
                        break
                os.kill(process.pid, signal.SIGKILL)
        publish(list(records(1000, 50)))
        with desk(killed, broker.bootstrap) as process:
            url = url_of(process)
            until(lambda: ready(url), "the history is read to its end")
            with urllib.request.urlopen(f"{url}f/{finding(1000).id}", timeout=60) as answer:
                assert finding(1000).id in answer.read().decode()
        once = tmp_path / "once"
        replayed(once, broker.bootstrap)

    assert everything(killed) == everything(once)
    assert max(map(len, everything(once))) >= 100
    assert "'bob'" in repr(everything(once)), "what people did"


def deeds(start: int) -> list[Action]:
    """On the episodes of `records` that stand, and on those that are over."""
    wanted = [Acknowledge(), Assign(owner="bob"), Accept(until_ms=AT * 2, reason="merger"), Comment(text="x")]
    return [
        action(what, start + at, id=f"action-{start + at}-{revision}", opened_ms=AT + (start + at) * 1000 + revision)
        for at, what in enumerate(wanted)
        for revision in (1, 3)
    ]


def replayed(folder: Path, bootstrap: str) -> None:
    """One reading of the topic, without any process being killed."""
    engine = open_database("", folder)
    sink, settings = HistorySink(engine), Settings.model_validate({"kafka": {"bootstrap_servers": [bootstrap]}})

    class Enough:
        def is_set(self) -> bool:
            return sink.position.caught_up

        def wait(self, _: float) -> None: ...

    run(TopicReader(settings.kafka, sink.topics), sink, Enough())  # type: ignore[arg-type]
    engine.dispose()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_without_a_login_it_listens_on_this_machine_alone(host: str, tmp_path: Path) -> None:
    settings = Settings.model_validate({"desk": {"host": host}, "streams": {"data_dir": str(tmp_path)}})
    with pytest.raises(SettingsError, match="SSH tunnel"):
        Desk(settings, Catalogue([]), Pipeline(freshness=whole, checks=list))
