"""What commands say when nothing was read, somebody is silent or behind: never that all is well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer

from deploy.broker import Broker
from deploy.cli.deadletters import deadletters
from deploy.cli.findings.command import findings
from deploy.cli.funnel.command import funnel
from deploy.cli.report.command import report
from sinks.freshness import EXIT_BLIND
from streams.contracts.topics import AD_CHANGES
from streams.runtime.clock import now_ms
from tests.integration.prometheus.conftest import embedded_broker, publisher
from tests.support.findings import TENANT, finding
from tests.support.freshness import follow, work_off

ALL_CLEAR = "both directories agree"
AD, ENTRA = "ad/corp.contoso.local", f"entra/{TENANT}"


def asked(broker: Broker, command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--kafka", broker.bootstrap])


def test_nothing_is_concluded_until_everything_was_read_and_worked_off(embedded: Broker) -> None:
    def blind(why: str) -> None:
        for command in (findings, funnel):
            result = asked(embedded, command)
            assert (result.exit_code, ALL_CLEAR in result.output) == (EXIT_BLIND, False), result.output
            assert why in result.output, result.output
        silent = asked(embedded, findings, "--json")
        assert (silent.exit_code, silent.stdout) == (EXIT_BLIND, "")
        assert why in silent.stderr

    blind("no source has ever been read")
    follow(embedded.bootstrap, AD)
    follow(embedded.bootstrap, ENTRA, phase="snapshot", done=1234)
    blind(f"the first reading of {ENTRA} is not complete (1,234 objects so far)")
    follow(embedded.bootstrap, ENTRA)
    blind("no worker has ever run in the consumer group 'synchealth'")
    work_off(embedded.bootstrap)
    follow(embedded.bootstrap, AD, ENTRA)

    clear = asked(embedded, findings)
    assert clear.exit_code == 0
    assert ALL_CLEAR in clear.output
    assert clear.output.startswith(f"read: {AD} "), clear.output

    follow(embedded.bootstrap, ENTRA, ago_s=720)
    blind(f"{ENTRA} was last heard 12 min ago")
    follow(embedded.bootstrap, ENTRA)
    producer = KafkaProducer(bootstrap_servers=embedded.bootstrap)
    an_hour_ago = now_ms() - 3_600_000
    producer.send(AD_CHANGES.name, key=b"k", value=b"{}", timestamp_ms=an_hour_ago).get(10)
    producer.close()
    blind("1 records wait for the workers, the oldest for 60 min")


def test_a_list_says_how_old_it_is_in_every_form(embedded: Broker) -> None:
    with publisher(embedded.bootstrap) as publish:
        publish([finding(1)])
    follow(embedded.bootstrap, AD, ago_s=3600)
    work_off(embedded.bootstrap)
    why = f"{AD} was last heard 60 min ago"

    assert why in asked(embedded, findings).stdout
    listed = asked(embedded, findings, "--csv")
    assert why in listed.stderr and why not in listed.stdout
    [line] = asked(embedded, findings, "--json").stdout.splitlines()
    fresh = json.loads(line)["freshness"]
    assert (fresh["complete"], fresh["faults"], fresh["lag_records"]) == (False, [why], 0)
    assert why in asked_with_settings(embedded, deadletters, "list").stdout


def test_the_report_of_the_first_reading_says_what_is_still_being_read(embedded: Broker) -> None:
    with publisher(embedded.bootstrap) as publish:
        publish([finding(1), finding(2, "suppressed", cause=finding(1).id)])
    read_ms = now_ms()
    follow(embedded.bootstrap, AD, whole_ms=read_ms)
    follow(embedded.bootstrap, ENTRA, phase="snapshot", done=1234)
    work_off(embedded.bootstrap)
    half = asked(embedded, report, "--first-reading")
    assert half.exit_code == EXIT_BLIND
    assert "this is not all" in half.stdout
    assert f"{ENTRA}: its first reading is not complete (1,234 objects so far)" in half.stdout

    follow(embedded.bootstrap, ENTRA, whole_ms=read_ms)
    whole = asked(embedded, report, "--first-reading", "--json")
    assert whole.exit_code == 0, whole.output
    document = json.loads(whole.stdout)
    assert (document["complete"], document["sources"].keys()) == (True, {AD, ENTRA})
    assert [(each["finding"]["id"], each["explains"]) for each in document["findings"]] == [
        (finding(1).id, 1), (finding(2).id, 0),
    ]  # fmt: skip


def asked_with_settings(broker: Broker, command: Any, *arguments: str) -> Result:
    environment = {"SYNCHEALTH_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap}
    return CliRunner(env=environment).invoke(command, [*arguments])


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--family", "confict"), "did you mean conflict?"),
        (("--detection", "duplicate_address"), "did you mean conflict.duplicate_address?"),
        (("--detection", "conflict.duplicate_adress"), "conflict.duplicate_address"),
        (("--tenant", "zzz"), TENANT),
        (("--forest", "corp.contoso.locl"), "did you mean corp.contoso.local?"),
        (("--severity", "hihg"), "high"),
        (("--older-than", "soon"), "30m, 12h or 7d"),
    ],
)
def test_a_filter_that_fits_nothing_that_exists_is_an_error(
    shared_one: Broker, arguments: tuple[str, ...], hint: str
) -> None:
    result = asked(shared_one, findings, *arguments)

    assert result.exit_code == 2
    assert hint in result.output
    assert ALL_CLEAR not in result.output


def test_people_are_found_by_what_they_are_called(shared_one: Broker) -> None:
    holder = finding(1).counterparts[0]
    for text in filter(None, (holder.id, holder.distinguished_name, holder.user_principal_name, finding(1).id[:9])):
        found = [
            json.loads(line)["id"]
            for line in asked(shared_one, findings, "--json", "--search", text.upper()).stdout.splitlines()
        ]
        assert finding(1).id in found, text
    assert asked(shared_one, findings, "--search", "nobody at all").stdout.endswith(
        "No findings match what was asked.\n"
    )


@pytest.fixture(scope="module")
def shared_one() -> Any:
    """A broker with one finding, up to date."""
    with embedded_broker() as running:
        with publisher(running.bootstrap) as publish:
            publish([finding(1)])
        follow(running.bootstrap, AD, ENTRA)
        work_off(running.bootstrap)
        yield running
