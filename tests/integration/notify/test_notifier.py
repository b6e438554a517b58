"""The process that tells, on Kafka: killed at any moment, every message arrives under one key, and none is missing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from deploy.broker import Broker
from deploy.broker.process import free_port
from sinks.history.database import open_database
from sinks.notify.ledger import NotificationLedger
from streams.contracts.times import rfc3339
from streams.runtime.clock import now_ms
from tests.integration.prometheus.conftest import create_topics, publisher
from tests.support.findings import FOREST, TENANT, finding
from tests.support.freshness import follow, work_off
from tests.support.prometheus import until
from tests.support.receivers import Receiver, receiver

pytestmark = pytest.mark.kafka


@contextmanager
def notifier(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = config.with_suffix(".log").open("ab")
    command = [sys.executable, "-m", "deploy.cli.main", "run", "notify", "--config", str(config)]
    process = subprocess.Popen(command, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def settings(folder: Path, broker: Broker, there: Receiver) -> Path:
    config = folder / "settings.toml"
    config.write_text(
        f"""
        [kafka]
        bootstrap_servers = ["{broker.bootstrap}"]
        [streams]
        data_dir = "{folder}"
        [notify]
        metrics_port = {free_port()}
        settle_s = 0.1
        [[channel]]
        name = "hook"
        kind = "webhook"
        url = "{there.url}/hook"
        ca_file = "{there.ca_file}"
        most_per_hour = 1000
        [[route]]
        channels = ["hook"]
        """
    )
    return config


def told(there: Receiver) -> dict[str, list[tuple[str, str]]]:
    """Finding -> the distinct messages about it, as (key, kind), in the order of their first arrival."""
    found: dict[str, list[tuple[str, str]]] = {}
    for request in list(there.requests):
        event = orjson.loads(request.body)
        message = (event["id"], event["data"]["kind"])
        messages = found.setdefault(event["subject"], [])
        if message not in messages:
            messages.append(message)
    return found


def test_killed_at_random_each_message_arrives_under_one_key(empty_kafka: Broker, tmp_path: Path) -> None:
    chance = random.Random(17)
    create_topics(empty_kafka.bootstrap)
    heard = (f"ad/{FOREST}", f"entra/{TENANT}")
    follow(empty_kafka.bootstrap, *heard, whole_ms=now_ms() - 60_000)
    work_off(empty_kafka.bootstrap)
    with receiver(tmp_path / "tls") as there, publisher(empty_kafka.bootstrap) as publish:
        config = settings(tmp_path, empty_kafka, there)
        engine = open_database("", tmp_path)
        NotificationLedger(engine, "hook").state(now_ms())  # the channel is there before the first finding is
        engine.dispose()
        numbers = list(range(20))
        opened = {number: now_ms() for number in numbers}
        publish([finding(number, at_ms=at) for number, at in opened.items()])
        for _ in range(2):
            seen = len(there.requests)
            follow(empty_kafka.bootstrap, *heard, whole_ms=now_ms() - 60_000)
            with notifier(config) as process:
                until(lambda: len(there.requests) > seen + chance.randrange(6), "some are told")  # noqa: B023
                process.send_signal(signal.SIGKILL)
        with notifier(config):
            until(lambda: len(told(there)) == 20, "all are told")
            over = rfc3339(now_ms())
            publish(
                [
                    finding(number, "resolved", revision=2, at_ms=opened[number], updated_at=over, resolved_at=over)
                    for number in numbers[:10]
                ]
            )
            follow(empty_kafka.bootstrap, *heard, whole_ms=now_ms() - 60_000)
            work_off(empty_kafka.bootstrap)
            until(lambda: sum("closed" in str(each) for each in told(there).values()) == 10, "ten are closed")

    for number in numbers:
        name = finding(number).id
        wanted = [("1-1", "opened"), ("1-2", "closed")][: 2 if number < 10 else 1]
        assert [(key.split("-", 2)[2], kind) for key, kind in told(there)[name]] == wanted


def test_without_a_route_it_says_so(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("")
    command = [sys.executable, "-m", "deploy.cli.main", "run", "notify", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "no [[route]]" in ended.stderr
