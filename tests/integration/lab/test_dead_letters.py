"""`synchealth deadletters`: garbage is listed with its reason and can be sent again."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from kafka import KafkaConsumer

from deploy.broker import tansu
from producers.publisher import KafkaPublisher
from producers.topics import create
from streams.contracts.deadletter import DeadLetter
from streams.contracts.topics import AD_CHANGES
from streams.runtime.settings import KafkaSettings


def letter(reason: str, offset: int | None, stage: str = "project") -> DeadLetter:
    return DeadLetter(
        reason=reason,
        error=f"it was {reason}",
        stage=stage,
        ts_ms=1_700_000_000_000,
        original=base64.b64encode(b"garbage").decode(),
        topic=AD_CHANGES.name if offset is not None else None,
        partition=1 if offset is not None else None,
        offset=offset,
        key="k",
    )


@pytest.fixture
def config(tmp_path: Path):
    with tansu() as broker:
        kafka = KafkaSettings(bootstrap_servers=[broker.bootstrap], partitions=2)
        create(kafka)
        publisher = KafkaPublisher(kafka, "test")
        for value in (b"first", b"second"):
            publisher.publish_again(AD_CHANGES.name, 1, b"k", value)
        letters = [
            letter("wrong_shape", 1),
            letter("rule_failed", 1),
            letter("not_json", 0),
            letter("unmapped", None, "source"),
        ]
        publisher.publish_dead_letters(letters)
        publisher.flush()
        publisher.close()
        file = tmp_path / "settings.toml"
        file.write_text(f'[kafka]\nbootstrap_servers = ["{broker.bootstrap}"]\npartitions = 2\n')
        yield file


def deadletters(*arguments: str) -> str:
    command = [sys.executable, "-m", "deploy.cli.main", "deadletters", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def values(config: Path) -> list[bytes]:
    bootstrap = config.read_text().split('"')[1]
    consumer = KafkaConsumer(
        AD_CHANGES.name, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3000
    )
    found = [record.value for record in consumer if record.partition == 1]
    consumer.close()
    return found


def test_they_are_listed_by_reason_and_stage(config: Path) -> None:
    found = [orjson.loads(line) for line in deadletters("list", "--config", str(config), "--json").splitlines()]
    assert [each["reason"] for each in found] == ["wrong_shape", "rule_failed", "not_json", "unmapped"]
    assert "it was not_json" in deadletters("list", "--config", str(config), "--reason", "not_json")
    assert "no dead letters" in deadletters("list", "--config", str(config), "--stage", "sink")


def test_redriving_sends_each_record_once_to_where_it_stood(config: Path) -> None:
    assert "2 would be sent again" in deadletters("redrive", "--config", str(config), "--dry-run")
    assert values(config) == [b"first", b"second"]
    said = deadletters("redrive", "--config", str(config), "--stage", "project")
    assert said.startswith("3 dead letter(s) of 2 record(s): 2 sent again, 0 no longer kept")
    assert values(config) == [b"first", b"second", b"first", b"second"]


def test_one_reason_alone_can_be_redriven(config: Path) -> None:
    deadletters("redrive", "--config", str(config), "--reason", "wrong_shape")
    assert values(config) == [b"first", b"second", b"second"]
