"""The demo's own data on the dashboards: a real Prometheus watches the whole story, then every panel is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from deploy.prometheus.build import FOLDER as RULES
from grafana.build import dashboard_files
from tests.support.prometheus import prometheus_server, until

VARIABLES = {"$tenant": ".*", "$forest": ".*", "$family": ".*", "$__rate_interval": "5s", "$__range": "10m"}
# Nobody resets a password in these stories; test_dashboards.py has data for that page.
FILLED_BY = {"conflicts": ("overview.json", "sync.json"), "hybrid_join": ("hybrid-join.json",)}
# What a run without trouble rightly leaves empty; test_dashboards.py fills them.
EMPTY_WHEN_WELL = {"Errors of sources"}


@pytest.mark.slow
@pytest.mark.prometheus
@pytest.mark.timeout(600)
@pytest.mark.apart
@pytest.mark.parametrize("story", FILLED_BY)
def test_no_panel_is_empty_with_the_demos_data(tmp_path: Path, story: str) -> None:
    stage = tmp_path / "demo"
    command = [
        sys.executable,
        "-m",
        "deploy.cli",
        "demo",
        "--story",
        story,
        "--until-done",
        "--objects",
        "600",
        "--directory",
        str(stage),
    ]
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        producers: list[str] = []

        def started() -> bool:
            assert demo.poll() is None, (tmp_path / "demo.log").read_text()
            text = (stage / "pipeline.log").read_text() if (stage / "pipeline.log").exists() else ""
            producers[:] = sorted(set(re.findall(r"metrics=http://([\d.]+:\d+)/metrics", text)))
            return len(producers) == 4

        until(started, "two forests, a tenant and an event log are read", within_s=90)
        settings = tomllib.loads((stage / "settings.toml").read_text())
        jobs = {
            "synchealth-exporter": [f"127.0.0.1:{settings['metrics']['port']}"],
            "synchealth-streams": [f"127.0.0.1:{settings['streams']['metrics_port']}"],
            "synchealth-producers": producers,
        }
        start_s = time.time()
        with prometheus_server(tmp_path, jobs, rules=str(RULES / "*.yaml")) as server:
            demo.wait(timeout=400)  # whether its story ends well is a test of its own
            empty = set()
            pages = dashboard_files()
            for name in FILLED_BY[story]:
                for panel in json.loads(pages[name])["panels"]:
                    for target in panel.get("targets", []):
                        expression = target["expr"]
                        for variable, value in VARIABLES.items():
                            expression = expression.replace(variable, value)
                        if not server.numbers_between(expression, start_s, time.time()):
                            empty.add((name, panel["title"]))
            alerts = server.series('ALERTS{alertstate="firing"}', start_s, time.time())
            firing = {row["metric"]["alertname"] for row in alerts}
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(60)

    assert {title for _, title in empty} <= EMPTY_WHEN_WELL
    assert firing == set()  # a few minutes of trouble are no alert, and nothing of the pipeline was down for long
