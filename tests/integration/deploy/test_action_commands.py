"""`synchealth ack` and its like: through a desk, and on Kafka where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import CliRunner, Result

from deploy.broker import Broker, tansu
from deploy.cli.main import cli
from sinks.desk.catalogue import Catalogue
from sinks.desk.desk import Desk
from sinks.desk.pipeline import Pipeline
from streams.contracts.actions import Accept, Acknowledge, Action
from streams.contracts.codec import decode
from streams.contracts.times import rfc3339
from streams.contracts.topics import ACTIONS
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaSettings, load_settings
from streams.runtime.topic_reader import TopicReader
from tests.integration.prometheus.conftest import create_topics, publisher
from tests.support.desk import whole
from tests.support.findings import START_MS, finding
from tests.support.prometheus import until

DAY_MS = 86_400_000
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with tansu() as running:
        create_topics(running.bootstrap)
        with publisher(running.bootstrap) as publish:
            publish([finding(1), finding(2), finding(3, "resolved")])
        yield running


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def written(broker: Broker) -> list[Action]:
    with TopicReader(KafkaSettings(bootstrap_servers=[broker.bootstrap]), [ACTIONS]) as reader:
        return [decode(record.value, Action) for record in reader.to_end(120)]


def test_on_kafka_by_the_beginning_of_an_id(broker: Broker) -> None:
    before = len(written(broker))
    done = run("ack", finding(1).id[:6], finding(2).id, "--kafka", broker.bootstrap)
    assert done.exit_code == 0, done.output
    assert finding(1).id in done.output
    said = written(broker)[before:]
    assert [(one.finding, one.opened_ms, one.what) for one in said] == [
        (finding(number).id, START_MS, Acknowledge()) for number in (1, 2)
    ]
    assert {(one.known_by, one.channel) for one in said} == {("account", "command")}
    assert all(one.who and one.address for one in said)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["ack", "ffffffff"], "no finding has an id"),
        (["ack", "d2"], "too short"),
        (["ack", finding(3).id], "is over"),
        (["accept", finding(1).id, "--until", "tomorrow", "--reason", "x"], "is no date"),
        (["accept", finding(1).id, "--until", "2001-01-01", "--reason", "x"], "has passed"),
        (["ticket", finding(1).id, "--system", "x", "--key", "y", "--url", "javascript:x"], "no web address"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(broker: Broker, words: list[str], hint: str) -> None:
    before = len(written(broker))
    done = run(*words, "--kafka", broker.bootstrap)
    assert done.exit_code != 0
    assert hint in done.output
    assert len(written(broker)) == before


def test_through_the_desk_without_any_access_to_kafka(broker: Broker, tmp_path: Path) -> None:
    theirs, mine = tmp_path / "theirs.toml", tmp_path / "mine.toml"
    theirs.write_text(
        f'[kafka]\nbootstrap_servers = ["{broker.bootstrap}"]\n[streams]\ndata_dir = "{tmp_path}"\n[desk]\nport = 0\n'
    )
    stop = Event()
    with Desk(load_settings(theirs), Catalogue([]), Pipeline(freshness=whole, checks=list)) as desk:
        mine.write_text(f'[kafka]\nbootstrap_servers = ["127.0.0.1:1"]\n[desk]\nurl = "{desk.url}"\n')
        thread = Thread(target=desk.run, args=(stop,))
        thread.start()
        try:
            accept = ["accept", finding(1).id[:8], "--reason", "merger", "--config", str(mine)]
            until(lambda: run("ack", finding(1).id[:8], "--config", str(mine)).exit_code == 0, "the desk has read it")
            wrong = run(*accept, "--until", "2001-01-01")
            assert "has passed" in wrong.output
            done = run(*accept, "--until", rfc3339(now_ms() + 30 * DAY_MS)[:10])
            assert done.exit_code == 0, done.output
        finally:
            stop.set()
            thread.join(120)
    last = written(broker)[-1]
    assert isinstance(last.what, Accept)
    assert (last.channel, last.known_by) == ("api", "word")
