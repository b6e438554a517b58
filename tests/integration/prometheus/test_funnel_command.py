"""`synchealth funnel` against a broker: its numbers are those that the workers count and of the oracle."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter

import pytest
from click.testing import CliRunner
from kafka import KafkaProducer

from deploy.broker import Broker
from deploy.cli.funnel import command as funnel_command
from streams.contracts.counts import Count
from streams.contracts.topics import VIEW_STATES
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_counts
from tests.support.pipeline import Pipeline
from tests.support.random_fleet import RandomFleet

SCOPES = {"corp": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"], hybrid_join=True)}


@pytest.fixture
def world(embedded: Broker, monkeypatch: pytest.MonkeyPatch) -> RandomFleet:
    """A fleet whose views stand in the changelog, each with an older row before it, among other rows."""
    fleet, pipeline = RandomFleet(7).run(400, names=40), Pipeline(SCOPES)
    producer = KafkaProducer(bootstrap_servers=embedded.bootstrap, acks="all")

    def write(key: str, row: bytes | None) -> None:
        producer.send(VIEW_STATES.name, key=key.encode(), value=row)

    for number, (origin, fact) in enumerate(fleet.facts):
        pipeline.feed(origin, [fact])
        if number == len(fleet.facts) // 2:
            early = dict(pipeline.view_rows.rows)
    pipeline.log(fleet.events, now_ms=fleet.now_ms)
    pipeline.tick(fleet.now_ms)
    for key, row in early.items():
        write(key, row)
        if key not in pipeline.view_rows.rows:
            write(key, None)
    for key, row in pipeline.view_rows.rows.items():
        write(key, row)
    write("device/t/unreadable", b"{")
    write("device/t/gone", early[next(key for key in early if key.startswith("device/"))])
    write("device/t/gone", None)
    producer.flush()
    producer.close()
    monkeypatch.setattr(funnel_command, "now_ms", lambda: fleet.now_ms)
    return fleet


def run(broker: Broker, *arguments: str, fails: bool = False) -> str:
    result = CliRunner().invoke(funnel_command.funnel, [*arguments, "--kafka", broker.bootstrap])
    assert (result.exit_code != 0) is fails, result.output
    return result.output if fails else result.stdout


def counted(world: RandomFleet) -> Counter[str]:
    """Place -> how many, as the oracle has it."""
    found: Counter[str] = Counter()
    for name, number in expected_counts(world.final(), {}, SCOPES, now_ms=world.now_ms, events=world.events).items():
        count = Count.read(name)
        if count.subject == "computers":
            found[count.labels[1]] += number
    return found


def test_the_numbers_are_the_oracles(embedded: Broker, world: RandomFleet) -> None:
    [line] = run(embedded, "--json").splitlines()
    document, expected = json.loads(line), counted(world)
    assert document["forest"] == "corp"
    assert {**document["stages"], **document["excluded"]} == {**dict.fromkeys(document["stages"], 0), **expected}
    assert document["joined"] == expected["registered"] + expected["active"] > 0


def test_every_grouping_has_the_same_sum(embedded: Broker, world: RandomFleet) -> None:
    whole = sum(counted(world).values())
    for by in ("ou", "system", "tenant"):
        rows = list(csv.DictReader(io.StringIO(run(embedded, "--by", by, "--csv"), newline="")))
        excluded = [column for column in rows[0] if column.startswith("excluded_")]
        assert sum(int(row[column]) for row in rows for column in ("counted", *excluded)) == whole
    assert "OU=PCs,DC=corp,DC=local" in run(embedded, "--by", "ou")


def test_a_stranger_has_none_and_two_formats_are_one_too_many(embedded: Broker, world: RandomFleet) -> None:
    assert "fits nothing that exists" in run(embedded, "--tenant", "zzz", fails=True)
    assert "exclude each other" in run(embedded, "--json", "--csv", fails=True)
