"""`synchealth check --prometheus`: a Prometheus that does not scrape a process, or lacks a rule, is told so by name."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.broker.process import free_block, free_port
from deploy.cli.check.line import Line, Mark
from deploy.cli.check.prometheus import check_prometheus
from deploy.prometheus.build import FOLDER
from deploy.prometheus.installation import targets
from streams.runtime.settings import Settings
from tests.support.findings import FOREST, TENANT
from tests.support.prometheus import Prometheus, prometheus_server, until

pytestmark = pytest.mark.prometheus


@pytest.fixture
def settings() -> Iterator[Settings]:
    """An installation of an exporter, two workers and two sources, each with something that answers at its port."""
    first = free_block(5)
    forest = {"name": FOREST, "tenant": TENANT, "servers": ["ldaps://dc1"], "bind_user": "u", "bind_password": "p"}
    made = Settings.model_validate(
        {
            "metrics": {"port": first},
            "streams": {"workers": 2, "metrics_port": first + 1},
            "producers": {"metrics_port": first + 3},
            "tenant": [{"id": TENANT, "managed_identity": True}],
            "forest": [forest],
        }
    )
    servers = [http.server.HTTPServer(("127.0.0.1", port), Empty) for port in made.metrics_ports.values()]
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    yield made
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


class Empty(http.server.BaseHTTPRequestHandler):
    """/metrics without any."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


def jobs_of(settings: Settings) -> dict[str, list[str]]:
    jobs: dict[str, list[str]] = {}
    for target in targets(settings):
        jobs.setdefault(target.job, []).append(target.address)
    return jobs


def look(server: Prometheus, settings: Settings, scraped: int) -> tuple[list[Line], list[str]]:
    """The lines that are not good, and what the good ones say, once everything configured is scraped."""
    until(lambda: server.numbers("sum(up)") == [float(scraped)], "every target is scraped")
    lines = list(check_prometheus(server.url, settings))
    return [line for line in lines if line.mark is not Mark.GOOD], [
        line.what for line in lines if line.mark is Mark.GOOD
    ]


def test_a_prometheus_that_watches_everything(settings: Settings, tmp_path: Path) -> None:
    jobs = jobs_of(settings)
    with prometheus_server(tmp_path, jobs, rules=str(FOLDER / "*.yaml"), alertmanager="127.0.0.1:9093") as server:
        bad, good = look(server, settings, 5)
    assert bad == []
    assert good[0] == "all 5 processes are scraped"
    assert "rules are there" in good[1]
    assert "127.0.0.1:9093" in good[2]


def test_what_it_does_not_know_is_named(settings: Settings, tmp_path: Path) -> None:
    jobs = jobs_of(settings)
    forgotten = jobs["synchealth-streams"].pop()
    misplaced = jobs["synchealth-producers"].pop()
    jobs["synchealth-exporter"].append(misplaced)
    with prometheus_server(tmp_path, jobs, rules=str(FOLDER / "detections.yaml")) as server:
        bad, _ = look(server, settings, 4)
    said = [line.what for line in bad]
    assert f"streams-1 ({forgotten}) is not scraped as job synchealth-streams" in said
    assert f"entra/{TENANT} ({misplaced}) is not scraped as job synchealth-producers" in said
    assert "it has no rule SyncHealthExporterDown" in said
    assert "no Alertmanager is known to it: alerts reach nobody" in said
    assert all(line.mark is Mark.FAULT and line.advice for line in bad)


def test_a_source_that_is_scraped_under_the_name_of_another_is_named(settings: Settings, tmp_path: Path) -> None:
    jobs = jobs_of(settings)
    (forest, tenant) = jobs["synchealth-producers"]
    stale = {forest: "ad/sold.example", tenant: f"entra/{TENANT}"}
    with prometheus_server(tmp_path, jobs, rules=str(FOLDER / "*.yaml"), processes=stale) as server:
        bad, _ = look(server, settings, 5)
    assert f"ad/{FOREST} ({forest}) is scraped under the name of ad/sold.example" in [line.what for line in bad]


def test_one_that_is_not_there_is_a_fault(settings: Settings) -> None:
    (line,) = check_prometheus(f"http://127.0.0.1:{free_port()}", settings)
    assert line.mark is Mark.FAULT
