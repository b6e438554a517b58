"""Every query of every dashboard and every alert rule, run by a real Prometheus that scrapes a real exporter."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from deploy.broker import Broker
from deploy.prometheus.build import FOLDER as RULES
from deploy.prometheus.build import RECORDING
from grafana import recorded
from producers import metrics as producers
from sinks.notify import metrics as notify
from streams.agents import metrics as streams
from streams.contracts.counts import Count
from streams.contracts.deadletter import DeadLetter
from streams.contracts.finding import Severity
from streams.measures.computers import AGES
from streams.measures.family import DurationSample
from streams.runtime.clock import now_ms
from streams.runtime.settings import Settings
from tests.integration.prometheus.conftest import caught_up, embedded_broker, following, publisher
from tests.support.dashboards import PanelQuery, pages, panel_queries, recording_at_once
from tests.support.findings import FOREST, TENANT, finding
from tests.support.prometheus import Prometheus, prometheus_server, promtool, until

SOURCE = "ad/corp.contoso.local"
SPANS = {"$__rate_interval": "10s", "$__range": "1m"}
OTHERS = (
    "authority.edit_of_cloud_managed_object", "capacity.directory_quota", "engine.long_cycle", "flow.attribute_drift",
    "hygiene.blank", "writeback.group_frozen",
)  # fmt: skip
"""A detection of each family that the story of this file has no finding of."""

pytestmark = [pytest.mark.prometheus, pytest.mark.slow]


def live() -> None:
    """What producers and workers tell while they run: each call is a moment later."""
    producers.HEARTBEAT.labels(SOURCE).set_to_current_time()
    producers.LAST_CONTACT.labels(SOURCE).set_to_current_time()
    producers.LAST_CHANGE.labels(SOURCE).set_to_current_time()
    producers.FACTS.labels(SOURCE, "u").inc(7)
    producers.ERRORS.labels(SOURCE, "read", "RetriableError").inc()
    producers.UNREAD.labels("eventlog/connect", "adsync", "6999").inc()
    producers.PASS_OBJECTS.labels(SOURCE).set(1200)
    producers.IN_PASS.labels(SOURCE).set(0)
    producers.ORDERS.labels(SOURCE).set(0)
    producers.DELIVERY_SECONDS.labels(SOURCE).observe(0.02)
    for topic in ("synchealth.ad.changes.v1", "synchealth.views.v1"):
        streams.BATCH_SECONDS.labels(topic).observe(0.02)
        streams.LAG.labels(topic).set(3)
        streams.PARTITIONS.labels(topic).set(8)
        streams.RECOVERY_SECONDS.labels(topic).set(0.2)
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
    flows = {Count("flows", "t", ("corp", "mail")).name: 4}
    streams.COUNTS.counts = Counter(computers | errors | objects | units | ages | failing | flows)
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


def remember(folder: Path) -> None:
    """Eight days of what was recorded, in the data folder of a Prometheus that is yet to start."""
    here = f'tenant="{TENANT}",forest="{FOREST}"'
    series: dict[str, Callable[[float], float]] = {
        f'{recorded.OPEN}{{family="conflict",severity="high",{here}}}': lambda day: 40 - day,
        f'{recorded.TRANSITIONS}{{family="conflict",transition="opened"}}': lambda day: 2,
        f'{recorded.TRANSITIONS}{{family="conflict",transition="resolved"}}': lambda day: 1,
        f'{recorded.QUOTA_USED}{{tenant="t"}}': lambda day: 40_000 + 125 * day,
    }
    step_s, now_s = 240, int(time.time())
    begin_s = now_s - 8 * 86_400
    lines = [
        f"{name} {value((at - begin_s) / 86_400)} {at}"
        for name, value in series.items()
        for at in range(begin_s, now_s - 10_800, step_s)
    ]
    (folder / "past.txt").write_text("\n".join([*lines, "# EOF", ""]))
    code, words = promtool("tsdb", "create-blocks-from", "openmetrics", "-q", folder / "past.txt", folder / "data")
    assert code == 0, words


@pytest.fixture(scope="module")
def embedded() -> Iterator[Broker]:
    """The embedded broker of all tests of this file."""
    with embedded_broker() as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(
    embedded: Broker, settings_of: Callable[[Broker], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Prometheus, Callable[[], None]]]:
    """A Prometheus over a whole installation, and a function that lets a moment of life pass in it.

    One for all: the tests stand in the order in which each needs more to have happened.
    """
    tmp_path = tmp_path_factory.mktemp("prometheus")
    notify_registry = CollectorRegistry()
    notified = notify.Metrics(notify_registry, ["teams"])
    notify_server, _ = start_http_server(0, addr="127.0.0.1", registry=notify_registry)
    producer_server, _ = start_http_server(0, addr="127.0.0.1")
    stream_server, _ = start_http_server(0, addr="127.0.0.1", registry=streams.REGISTRY)
    with publisher(embedded.bootstrap) as publish, following(settings_of(embedded)) as exporter:
        caught_up(exporter)
        publish([finding(number, at_ms=now_ms() - number * 60_000) for number in range(1, 4)])
        targets = {
            "synchealth-exporter": [exporter.url.removeprefix("http://").removesuffix("/metrics")],
            "synchealth-producers": [f"127.0.0.1:{producer_server.server_port}"],
            "synchealth-streams": [f"127.0.0.1:{stream_server.server_port}"],
            "synchealth-notify": [f"127.0.0.1:{notify_server.server_port}"],
        }
        turn = 0

        def live_on() -> None:
            nonlocal turn
            turn += 1
            live()
            notified.messages.labels("teams", "opened", "delivered").inc()
            state = "open" if turn % 2 else "resolved"
            gap = {"id": "gap", "detection": "hybrid_join.stale", "family": "hybrid_join", "severity": Severity.LOW}
            publish(
                [
                    finding(50, state, revision=turn, at_ms=now_ms(), severity=Severity.LOW),
                    finding(51, state, revision=turn, at_ms=now_ms(), **gap),
                    DeadLetter(reason="not_json", error="x", stage="project", ts_ms=now_ms(), original=""),
                ]
            )

        remember(tmp_path)
        recording_at_once(tmp_path / "rules")
        for file in RULES.glob("*.yaml"):
            if file.name != RECORDING:
                (tmp_path / "rules" / file.name).write_text(file.read_text())
        with prometheus_server(tmp_path, targets, rules=str(tmp_path / "rules" / "*.yaml")) as server:
            yield server, live_on
    for http in (producer_server, stream_server, notify_server):
        http.shutdown()
        http.server_close()


def test_figures_agree_with_what_was_published(prometheus: tuple[Prometheus, Callable[[], None]]) -> None:
    server, _ = prometheus
    live()
    exact = {each.place: each.expression for each in panel_queries(SPANS)}
    until(lambda: server.numbers(exact["overview.json: Open findings"]) == [3.0], "three findings are open")
    until(lambda: server.numbers(exact["pipeline.json: Processes that answer"]) == [1.0] * 4, "four jobs are up")

    assert server.numbers(exact["overview.json: Findings are"]) == [1.0]
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

    marks = {mark["expr"] for page in pages().values() for mark in page["annotations"]["list"] if "expr" in mark}
    until(lambda: all(map(server.numbers, marks)), "alerts, findings, runs and starts mark the graphs")
    firing = {row["metric"]["alertname"] for row in server.query('ALERTS{alertstate="firing"}')}
    assert firing - {"SyncHealthWatchdog"} == {"SyncHealthConflictDuplicateAddress"}


def test_no_panel_is_empty_and_every_line_has_the_labels_of_its_links(
    prometheus: tuple[Prometheus, Callable[[], None]], embedded: Broker
) -> None:
    server, live_on = prometheus
    with publisher(embedded.bootstrap) as publish:
        publish(
            [
                finding(100 + place, id=f"other-{name}", detection=name, family=name.partition(".")[0], at_ms=now_ms())
                for place, name in enumerate(OTHERS)
            ]
        )
        publish([finding(99, "suppressed", at_ms=now_ms())])
    todo = set(panel_queries(SPANS))
    assert todo
    unlinked: set[str] = set()

    def answered(each: PanelQuery) -> bool:
        rows = server.query(each.expression)
        unlinked.update(each.place for row in rows if not each.labels <= row["metric"].keys())
        return bool(server.numbers(each.expression))

    def all_answered() -> bool:
        live_on()
        todo.difference_update({each for each in todo if answered(each)})
        return not todo

    try:
        until(all_answered, "every panel shows something")
    except AssertionError:
        pytest.fail(f"empty: {sorted((each.place, each.expression) for each in todo)}")
    assert unlinked == set()
    missing = {name for name in (*recorded.NOW, *recorded.OVER_TIME) if not server.numbers(name)}
    assert missing == set()


def test_no_panel_shows_a_figure_while_nobody_answers(tmp_path: Path) -> None:
    """Every process is away: a zero would be a word of somebody who is blind. Only `up` itself is known."""
    jobs = {f"synchealth-{role}": ["127.0.0.1:9"] for role in ("exporter", "producers", "streams")}
    with prometheus_server(tmp_path, jobs) as server:
        until(lambda: server.numbers("up") == [0.0, 0.0, 0.0], "all three were asked")
        shown = {each.place for each in panel_queries(SPANS) if server.numbers(each.expression)}
    assert shown == {"pipeline.json: Processes", "pipeline.json: Processes that answer"}
