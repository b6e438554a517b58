"""Every query of every dashboard and every alert rule, run by a real Prometheus that scrapes a real exporter."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import start_http_server

from deploy.broker import Broker
from deploy.prometheus.build import FOLDER as RULES
from grafana.build import dashboard_files
from producers import metrics as producers
from streams.agents import metrics as streams
from streams.contracts.counts import Count
from streams.contracts.finding import Severity
from streams.measures.computers import AGES
from streams.measures.family import DurationSample
from streams.runtime.clock import now_ms
from streams.runtime.settings import Settings
from tests.integration.prometheus.conftest import caught_up, following, publisher
from tests.support.findings import finding
from tests.support.prometheus import Prometheus, prometheus_server, until

SOURCE = "ad/corp.contoso.local"
VARIABLES = {"$tenant": ".*", "$forest": ".*", "$family": ".*", "$__rate_interval": "10s", "$__range": "1m"}

pytestmark = pytest.mark.prometheus


def panels() -> Iterator[tuple[str, str]]:
    """Dashboard and panel, and a query of it."""
    for name, text in dashboard_files().items():
        for panel in json.loads(text)["panels"]:
            for target in panel.get("targets", []):
                yield f"{name}: {panel['title']}", target["expr"]


def filled_in(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def live() -> None:
    """What producers and workers tell while they run: each call is a moment later."""
    producers.HEARTBEAT.labels(SOURCE).set_to_current_time()
    producers.LAST_CONTACT.labels(SOURCE).set_to_current_time()
    producers.LAST_CHANGE.labels(SOURCE).set_to_current_time()
    producers.FACTS.labels(SOURCE, "u").inc(7)
    producers.ERRORS.labels(SOURCE, "read", "RetriableError").inc()
    producers.UNREAD.labels("eventlog/connect", "adsync", "6999").inc()
    producers.PASS_OBJECTS.labels(SOURCE).set(1200)
    for topic in ("synchealth.ad.changes.v1", "synchealth.views.v1"):
        streams.BATCH_SECONDS.labels(topic).observe(0.02)
        streams.LAG.labels(topic).set(3)
        streams.PARTITIONS.labels(topic).set(8)
    streams.CONTRIBUTIONS.inc(28)
    streams.EVALUATIONS.inc(21)
    streams.CLOCK_LAG.set(0.4)
    streams.BACKLOG.set(0)
    places = {"created": 3, "certificate": 2, "pending": 1, "registered": 4, "active": 90, "disabled": 7}
    computers = {Count("computers", "t", ("corp", place, "windows 11")).name: n for place, n in places.items()}
    errors = {Count("join_errors", "t", ("corp", "WININET_E_TIMEOUT")).name: 2}
    states = {"synced": 900, "missing": 2, "leaving_deleted": 3, "leaving_scope": 1, "outside": 40}
    objects = {Count("objects", "t", ("corp", "user", state)).name: n for state, n in states.items()}
    units = {Count("unjoined_units", "t", ("corp", f"Site {n}")).name: n for n in range(1, 60)}
    ages = {Count("unjoined_ages", "t", ("corp", age)).name: 2 for age in AGES}
    failing = {Count("writeback", "t", ("corp", "password_policy", server)).name: 3 for server in ("aadc01", "unknown")}
    streams.COUNTS.counts = Counter(computers | errors | objects | units | ages | failing)
    waits = [("join", "windows 11", 2400), ("flow", "user", 900), ("writeback", "reset", 12)]
    waits += [("stage", stage, 1800) for stage in ("created", "certificate", "pending")]
    for subject, label, seconds in waits:
        streams.observe_duration(DurationSample(subject, "t", "corp", label, seconds))
    producers.EVENTS.labels("eventlog/connect", "windows").inc(5)
    for gauge, value in (
        (streams.LAST_SYNC, now_ms() / 1000 - 600),
        (streams.LAST_PASSWORD_SYNC, now_ms() / 1000 - 120),
        (streams.QUOTA_USED, 41_000),
        (streams.QUOTA, 50_000),
    ):
        gauge.labels("t").set(value)


@pytest.fixture
def prometheus(
    embedded: Broker, settings_of: Callable[[Broker], Settings], tmp_path: Path
) -> Iterator[tuple[Prometheus, Callable[[], None]]]:
    """A Prometheus over a whole installation, and a function that lets a moment of life pass in it."""
    producer_server, _ = start_http_server(0, addr="127.0.0.1")
    stream_server, _ = start_http_server(0, addr="127.0.0.1", registry=streams.REGISTRY)
    with publisher(embedded.bootstrap) as publish, following(settings_of(embedded)) as exporter:
        caught_up(exporter)
        publish([finding(number, at_ms=now_ms() - number * 60_000) for number in range(1, 4)])
        targets = {
            "synchealth-exporter": [exporter.url.removeprefix("http://").removesuffix("/metrics")],
            "synchealth-producers": [f"127.0.0.1:{producer_server.server_port}"],
            "synchealth-streams": [f"127.0.0.1:{stream_server.server_port}"],
        }
        turn = 0

        def live_on() -> None:
            nonlocal turn
            turn += 1
            live()
            state = "open" if turn % 2 else "resolved"
            gap = {"id": "gap", "detection": "hybrid_join.stale", "family": "hybrid_join", "severity": Severity.LOW}
            publish(
                [
                    finding(50, state, revision=turn, at_ms=now_ms(), severity=Severity.LOW),
                    finding(51, state, revision=turn, at_ms=now_ms(), **gap),
                ]
            )

        with prometheus_server(tmp_path, targets, rules=str(RULES / "*.yaml")) as server:
            yield server, live_on
    for http in (producer_server, stream_server):
        http.shutdown()
        http.server_close()


def test_no_panel_is_empty(prometheus: tuple[Prometheus, Callable[[], None]]) -> None:
    server, live_on = prometheus
    todo = {(panel, filled_in(expression)) for panel, expression in panels()}
    assert todo

    def all_answered() -> bool:
        live_on()
        todo.difference_update({item for item in todo if server.numbers(item[1])})
        return not todo

    try:
        until(all_answered, "every panel shows something")
    except AssertionError:
        pytest.fail(f"empty: {sorted(todo)}")


def test_figures_agree_with_what_was_published(prometheus: tuple[Prometheus, Callable[[], None]]) -> None:
    server, _ = prometheus
    live()
    exact: dict[str, Any] = {panel: filled_in(expression) for panel, expression in panels()}
    until(lambda: server.numbers(exact["overview.json: Open findings"]) == [3.0], "three findings are open")
    until(lambda: server.numbers(exact["overview.json: Processes"]) == [1.0, 1.0, 1.0], "three jobs are up")

    assert server.numbers(exact["overview.json: Exporter"]) == [1.0]
    until(lambda: server.numbers(exact["hybrid-join.json: Joined"]) == [0.94], "94 of the 100 that count have joined")
    assert server.numbers(exact["hybrid-join.json: Not counted"]) == [7.0]
    # The 50 largest of 59 units, and the nine smallest as one.
    assert max(server.numbers(exact["hybrid-join.json: Not joined by organisational unit"])) == 59.0
    units = server.numbers("synchealth_hybrid_join_unit_unjoined")
    assert (len(units), sum(units)) == (51, sum(range(1, 60)))
    assert 45.0 in server.numbers('synchealth_hybrid_join_unit_unjoined{unit="(other)"}')

    assert 180 <= server.numbers(exact["overview.json: Oldest open finding"])[0] < 400


def test_rules_load_and_a_finding_that_has_stood_long_enough_fires(
    prometheus: tuple[Prometheus, Callable[[], None]], embedded: Broker
) -> None:
    server, live_on = prometheus
    live_on()
    alert = 'ALERTS{alertname="SyncHealthConflictDuplicateAddress", alertstate="firing"}'
    until(lambda: server.numbers("synchealth_findings_open") != [], "it is scraped")
    assert server.query(alert) == []  # three minutes are not fifteen
    with publisher(embedded.bootstrap) as publish:
        publish([finding(9, at_ms=now_ms() - 16 * 60_000)])
    until(lambda: len(server.query(alert)) == 1, "the alert fires")
    [said] = server.descriptions("SyncHealthConflictDuplicateAddress")
    assert said.startswith("4 unattended with severity high in forest corp.contoso.local, the longest for 16m")

    firing = {row["metric"]["alertname"] for row in server.query('ALERTS{alertstate="firing"}')}
    assert firing - {"SyncHealthWatchdog"} == {"SyncHealthConflictDuplicateAddress"}


def test_no_panel_shows_a_figure_while_nobody_answers(tmp_path: Path) -> None:
    """Every process is away: a zero would be a word of somebody who is blind. Only `up` itself is known."""
    jobs = {f"synchealth-{role}": ["127.0.0.1:9"] for role in ("exporter", "producers", "streams")}
    with prometheus_server(tmp_path, jobs) as server:
        until(lambda: server.numbers("up") == [0.0, 0.0, 0.0], "all three were asked")
        shown = {panel for panel, expression in panels() if server.numbers(filled_in(expression))}
    assert shown == {"overview.json: Processes"}
