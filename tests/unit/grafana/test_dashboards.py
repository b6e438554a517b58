from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from deploy.prometheus.dashboards import dashboards
from deploy.prometheus.detection_rules import detection_rules
from deploy.prometheus.pipeline_rules import PIPELINE_RULES
from deploy.prometheus.writeback_rules import WRITEBACK_RULES
from grafana import recorded
from grafana.build import FOLDER, dashboard_files
from grafana.checker import faults, panels
from streams.detections.registry import all_detections

FILES = dashboard_files()
Page = dict[str, Any]


@pytest.fixture
def page() -> Page:
    """The overview, to be spoilt."""
    return dict(json.loads(FILES["overview.json"]))


def panel(page: Page, title: str) -> dict[str, Any]:
    return next(each for each in panels(page) if each["title"] == title)


def test_the_committed_dashboards_are_fresh() -> None:
    committed = {path.name: path.read_text() for path in FOLDER.iterdir()}

    assert committed == FILES, "run `python -m grafana.build`"


@pytest.mark.parametrize("name", FILES)
def test_the_checker_finds_nothing(name: str) -> None:
    assert faults(json.loads(FILES[name])) == []


def _defaults(title: str, **changes: object) -> Callable[[Page], None]:
    return lambda page: panel(page, title)["fieldConfig"]["defaults"].update(changes)


def _query(title: str, expression: str, legend: str = "x") -> Callable[[Page], None]:
    return lambda page: panel(page, title)["targets"][0].update(expr=expression, legendFormat=legend)


def _link(title: str, url: str) -> Callable[[Page], None]:
    def spoil(page: Page) -> None:
        panel(page, title)["fieldConfig"]["defaults"]["links"][0]["url"] = url

    return spoil


def _legend(page: Page) -> None:
    panel(page, "Since last contact")["options"]["legend"]["calcs"] = []


def _words(page: Page) -> None:
    del panel(page, "Findings are")["fieldConfig"]["defaults"]["mappings"]


def _renamed(page: Page) -> None:
    panel(page, "What is open")["transformations"][1]["options"]["renameByName"]["detection"] = "Detection"


def _overlapping(page: Page) -> None:
    panel(page, "Sources")["gridPos"].update(panel(page, "Blind sources")["gridPos"])


def _twice(page: Page) -> None:
    panel(page, "Sources")["id"] = panel(page, "Blind sources")["id"]


SPOILT: list[tuple[Callable[[Page], object], str]] = [
    (lambda page: page.update(uid="Overview 1"), "no name for an address"),
    (lambda page: page.update(description="x"), "not as the others"),
    (lambda page: page.update(schemaVersion=30), "schema"),
    (lambda page: page.update(links=[]), "no links to the other dashboards"),
    (lambda page: page["annotations"].update(list=[]), "no annotations"),
    (lambda page: page.update(time={"from": "now-6h", "to": "now"}), "less than one"),
    (lambda page: page.update(refresh="10s"), "several times a minute"),
    (_twice, "one id"),
    (lambda page: panel(page, "Sources").update(title="Suppressed"), "are called 'Suppressed'"),
    (_overlapping, "overlap"),
    (lambda page: panel(page, "Sources")["gridPos"].update(w=13), "sticks out"),
    (lambda page: page["templating"]["list"].pop(), "do not exist"),
    (lambda page: page["templating"]["list"].append({"name": "idle"}), "['idle'] are never used"),
    (lambda page: panel(page, "Suppressed").update(description=""), "no description"),
    (_defaults("Suppressed", unit=""), "no unit"),
    (lambda page: panel(page, "Suppressed").update(targets=[]), "asks nothing"),
    (lambda page: panel(page, "Sources").update(options=None), "no options"),
    (_defaults("Suppressed", noValue="nothing open"), "all-clear"),
    (_query("Suppressed", "sum(up) or vector(0)"), "sees no zero"),
    (_defaults("Suppressed", links=[]), "no link to a runbook"),
    (_defaults("Suppressed", links=[]), "no link to findings"),
    (_link("Suppressed", "https://evil.example/"), "elsewhere"),
    (_link("Suppressed", "${desk}/?detection=${__field.labels.detection}"), "the label detection"),
    (_link("What is open", "${desk}/f/${__data.fields.finding}"), "the column finding"),
    (_renamed, "is renamed"),
    (_legend, "the legend is no table"),
    (_query("Suppressed", "sum(up)", ""), "without a legend"),
    (_query("Open by detection", "sum by (detection) (x) > 0", "{{detection}}"), "a line for every detection"),
    (_query("Open by detection", "topk(9, sum by (detection) (x))", "{{detection}}"), "a line for every detection"),
    (_words, "instead of a word"),
    (_defaults("Suppressed", thresholds={}), "no thresholds"),
]


@pytest.mark.parametrize(("spoil", "fault"), SPOILT)
def test_the_checker_sees(page: Page, spoil: Callable[[Page], object], fault: str) -> None:
    spoil(page)
    assert [each for each in faults(page) if fault in each] != []


def test_every_alert_leads_to_a_dashboard_that_exists() -> None:
    uids = {json.loads(text)["uid"] for text in FILES.values()}
    rules = [*detection_rules(all_detections()), *PIPELINE_RULES, *WRITEBACK_RULES]
    assert {rule.dashboard for rule in rules} <= uids


def test_an_installation_gets_links_to_its_own_desk() -> None:
    written = dashboards("https://desk.example/sync")
    assert written.keys() == FILES.keys()
    for name, text in written.items():
        (desk,) = [each for each in json.loads(text)["templating"]["list"] if each["name"] == "desk"]
        assert desk["query"] == "https://desk.example/sync"
        assert desk["skipUrlSync"]
        assert "127.0.0.1" not in text
        assert faults(json.loads(text)) == [], name


def test_what_an_installation_runs_needs_no_generator() -> None:
    """grafana-foundation-sdk is for development alone; `prometheus-config` imports these two."""
    for name in ("links.py", "recorded.py"):
        assert "grafana_foundation_sdk" not in (FOLDER.parent / name).read_text()


def test_the_readme_sends_on_what_is_recorded_and_nothing_else() -> None:
    readme = (FOLDER.parents[1] / "README.md").read_text()
    (pattern,) = re.findall(r'source_labels: \[__name__\], regex: "(.+?)"', readme)
    names = [*recorded.NOW, *recorded.OVER_TIME]
    assert [name for name in names if not re.fullmatch(pattern, name)] == []
    assert not re.fullmatch(pattern, "synchealth_findings_open")
