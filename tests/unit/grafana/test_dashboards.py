from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from grafana.build import FOLDER, dashboard_files

DASHBOARDS = {name: json.loads(text) for name, text in dashboard_files().items()}
each_dashboard = pytest.mark.parametrize("page", DASHBOARDS.values(), ids=DASHBOARDS.keys())


def panels(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def test_the_committed_dashboards_are_fresh() -> None:
    committed = {path.name: path.read_text() for path in FOLDER.iterdir()}

    assert committed == dashboard_files(), "run `python -m grafana.build`"


@each_dashboard
def test_every_panel_has_title_description_unit_and_queries(page: dict[str, Any]) -> None:
    for panel in panels(page):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"]), panel["title"]
    titles = [panel["title"] for panel in panels(page)]
    assert len(set(titles)) == len(titles)


@each_dashboard
def test_ids_are_unique_and_no_two_panels_overlap(page: dict[str, Any]) -> None:
    assert len({panel["id"] for panel in page["panels"]}) == len(page["panels"])
    for one, other in combinations((panel["gridPos"] for panel in page["panels"]), 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
        assert one["x"] + one["w"] <= 24


@each_dashboard
def test_every_variable_is_defined_and_used(page: dict[str, Any]) -> None:
    defined = {variable["name"] for variable in page["templating"]["list"]}
    text = json.dumps(panels(page))
    used = {name for name in re.findall(r"\$\{?(\w+)\}?", text) if not name.startswith("__")}

    assert used == defined


@each_dashboard
def test_it_can_be_imported_by_its_uid(page: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z-]{1,40}", page["uid"])
    assert page["schemaVersion"] >= 36
    assert page["title"].startswith("SyncHealth: ")


@each_dashboard
def test_no_panel_takes_silence_for_zero(page: dict[str, Any]) -> None:
    """Whoever does not look sees no zero: a fallback hangs on somebody who knows, and no panel claims "nothing"."""
    for panel in panels(page):
        for target in panel["targets"]:
            assert "vector(" not in target["expr"], panel["title"]
        shown = panel["fieldConfig"]["defaults"].get("noValue", "no data")
        assert shown.endswith("no data"), panel["title"]
