"""A new finding under an alert that fires already reaches somebody, once; an exporter's restart tells nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.broker import Broker
from deploy.broker.process import free_port
from deploy.prometheus.detection_rules import NEW_FINDINGS
from sinks.labels import KnownDetection
from streams.contracts.finding import Severity
from streams.runtime.settings import MetricsSettings, Settings
from tests.integration.prometheus.conftest import caught_up, following, publisher
from tests.support.alerting import Receiver, alertmanager, faster_rules, receiving
from tests.support.findings import finding
from tests.support.prometheus import prometheus_server, until

FACTOR = 60
PATIENCE_S = 900 / FACTOR
CONFLICT = "SyncHealthConflictDuplicateAddress"
DETECTION = KnownDetection("conflict.duplicate_address", "conflict", Severity.HIGH, PATIENCE_S)


def told_of(receiver: Receiver, alert: str) -> int:
    """How many messages say that it fires."""
    return sum(alert in message.names("firing") for message in receiver.messages)


@pytest.mark.prometheus
@pytest.mark.slow
def test_a_second_conflict_while_one_stands_is_told_exactly_once(
    embedded: Broker, settings_of: Callable[[Broker], Settings], tmp_path: Path
) -> None:
    settings = settings_of(embedded).model_copy(update={"metrics": MetricsSettings(port=free_port())})
    jobs = {"synchealth-exporter": [f"127.0.0.1:{settings.metrics.port}"]}
    rules = faster_rules(tmp_path / "rules", FACTOR)
    groups_s = 1.1 * PATIENCE_S  # an interval of the Alertmanager's groups

    def new() -> int:
        return told_of(receiver, NEW_FINDINGS.name)

    with (
        publisher(embedded.bootstrap) as publish,
        receiving() as receiver,
        alertmanager(tmp_path, receiver, FACTOR) as address,
        prometheus_server(tmp_path, jobs, rules=rules, alertmanager=address, every="500ms"),
    ):
        with following(settings, [DETECTION]) as exporter:
            caught_up(exporter)
            publish([finding(1, at_ms=int(time.time() * 1000))])
            until(lambda: told_of(receiver, CONFLICT) == 1, "the first is told")
            assert new() == 0
            second = finding(2, at_ms=int(time.time() * 1000))
            publish([second])
            until(lambda: new() == 1, "the second is told, beside the first that stands")
        with following(settings, [DETECTION]) as exporter:
            caught_up(exporter)
            time.sleep(groups_s)
            assert new() == 1  # nobody is told again
            publish([finding(2, "resolved", revision=2, at_ms=int(time.time() * 1000) - 600_000)])
            assert new() == 1
            publish([finding(3, at_ms=int(time.time() * 1000))])
            until(lambda: new() == 2, "and so is the third")
            time.sleep(groups_s)
    assert new() == 2
    assert {CONFLICT, NEW_FINDINGS.name}.isdisjoint(receiver.resolved())
    print(*receiver.messages, sep="\n")
    about = [m for m in receiver.messages if {CONFLICT, NEW_FINDINGS.name} & set(m.names("firing"))]
    assert len(about) == 3
