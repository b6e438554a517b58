"""`synchealth findings` and `explain` against a broker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from msgspec.structs import replace

from deploy.broker import Broker
from deploy.cli.findings.command import explain_command, findings
from streams.contracts.codec import encode
from streams.contracts.events import Event, EventChunk, Log
from streams.contracts.facts import Fact, FactChunk, Operation, Origin
from streams.contracts.finding import Severity
from streams.contracts.topics import AD_CHANGES, ENTRA_AUDITS, FINDINGS
from tests.integration.prometheus.conftest import publisher
from tests.support.findings import FOREST, START_MS, TENANT, finding
from tests.support.freshness import follow, work_off
from tests.support.prometheus import until

Run = Callable[..., str]


@pytest.fixture
def run(embedded: Broker) -> Run:
    """Publishes three findings, facts and an event of the first one; runs a command and gives what it printed."""
    with publisher(embedded.bootstrap) as publish:
        publish([finding(1), finding(2, severity=Severity.LOW), finding(3), finding(3, "resolved", revision=2)])
    origin = Origin(name="ad/corp", side="ad", tenant=TENANT, forest=FOREST)
    holder = finding(1).counterparts[0].id
    producer = KafkaProducer(bootstrap_servers=embedded.bootstrap, acks="all")
    for seq, id_ in enumerate([holder, "another", holder]):
        fact = Fact(
            op=Operation.UPDATED,
            object_id=id_,
            seq=seq,
            ts_ms=START_MS + seq,
            attributes={"proxyAddresses": [str(seq)]},
        )
        producer.send(AD_CHANGES.name, key=id_.encode(), value=encode(FactChunk(origin=origin, facts=[fact])))
    event = Event(id="e1", log=Log.AUDIT, name="update user", tenant=TENANT, ts_ms=START_MS, seen_ms=START_MS,
                  entra_id=finding(1).counterparts[1].id, details={"sync_server": "aadc01"})  # fmt: skip
    chunk = encode(EventChunk(source="audits", events=[event, replace(event, id="e2", entra_id="another")]))
    producer.send(ENTRA_AUDITS.name, key=event.key.encode(), value=chunk)
    producer.send(FINDINGS.name, key=b"garbage", value=b"{")
    follow(embedded.bootstrap, "ad/corp", f"entra/{TENANT}")
    producer.flush()
    producer.close()

    work_off(embedded.bootstrap)

    def command(which: Any, *arguments: str, fails: bool = False) -> str:
        result = CliRunner().invoke(which, [*arguments, "--kafka", embedded.bootstrap])
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    return command


def ids(output: str) -> list[str]:
    return [json.loads(line)["id"] for line in output.splitlines()]


def test_open_ones_are_listed_most_severe_first(run: Run) -> None:
    assert ids(run(findings, "--json")) == [finding(1).id, finding(2).id]


def test_filters_narrow_the_list(run: Run) -> None:
    assert ids(run(findings, "--json", "--severity", "low")) == [finding(2).id]
    assert ids(run(findings, "--json", "--family", "hybrid_join")) == []
    assert ids(run(findings, "--json", "--tenant", TENANT[:8], "--detection", "conflict.duplicate_address")) != []
    assert ids(run(findings, "--json", "--all"))[-1] == finding(3).id


def test_a_pipe_gets_plain_lines(run: Run) -> None:
    text = run(findings)

    assert "2 open (1 high, 1 low)" in text
    assert "\x1b" not in text


def test_explain_takes_the_start_of_an_id_and_finds_the_facts(run: Run) -> None:
    document = json.loads(run(explain_command, finding(1).id[:6], "--json"))

    assert document["finding"]["id"] == finding(1).id
    assert [fact["fact"]["seq"] for fact in document["facts"]] == [0, 2]
    assert document["facts_are_all"] is True
    assert [event["id"] for event in document["events"]] == ["e1"]
    assert document["events_are_all"] is True


def test_explain_tells_the_whole_life_of_a_finding(run: Run) -> None:
    document = json.loads(run(explain_command, finding(3).id, "--json"))

    assert [step["state"] for step in document["history"]] == ["open", "resolved"]


def test_an_id_that_fits_none_or_several_is_an_error_in_words(run: Run) -> None:
    assert "no finding has an id" in run(explain_command, "zzzz", fails=True)
    assert "is the start of 3 ids" in run(explain_command, "", fails=True)


def test_watching_tells_every_change_as_it_comes(embedded: Broker) -> None:
    program = "from deploy.cli.findings.command import findings; findings()"
    arguments = ["--watch", "--json", "--severity", "high", "--kafka", embedded.bootstrap]
    with publisher(embedded.bootstrap) as publish:
        publish([finding(1)])
        watch = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
        assert watch.stdout is not None
        seen: list[str] = []
        reading = Thread(target=lambda: seen.extend(watch.stdout or ()))
        reading.start()
        try:
            revision = 1

            def told() -> bool:
                nonlocal revision
                revision += 1
                publish([finding(2, severity=Severity.LOW), finding(1, "resolved", revision=revision)])
                return bool(seen)

            until(told, "a change is told")
        finally:
            watch.terminate()
            watch.wait(120)
            reading.join(120)
            watch.stdout.close()
    changes = [json.loads(line) for line in seen]

    assert {(change["id"], change["state"]) for change in changes} == {(finding(1).id, "resolved")}
