"""What must hold for a dashboard, so that nobody is misled, stuck or overwhelmed: `faults(page)` names what does not.

A page is the parsed JSON of a dashboard, https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/
view-dashboard-json-model/ . What only a server can say (every metric and column exists, every query has a result) is
asked of Prometheus and PostgreSQL in tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

Page = dict[str, Any]
Panel = dict[str, Any]

# Labels with dozens of values: a graph by one of them shows the largest.
_MANY = ("detection", "reason", "error", "event_id", "unit", "property", "server", "system")
_AGGREGATED = re.compile(r"\b(?:sum|min|max|count|avg)(?: by \(([^)]*)\))? \(|\b(?:sum|min|max|count|avg)\(")
# What is 1 or 0 and means yes or no.
_STATE = re.compile(r"<= bool|^max\(synchealth_exporter_caught_up\)$|\(up\{(?!.*sum by)|full_pass_active|\(\(time\(\)")
_CLICKED = re.compile(r"\$\{__field\.labels\.(\w+)")
_ROW = re.compile(r"\$\{__data\.fields\.(\w+)")
_VARIABLE = re.compile(r"\$\{?(\w+)[^}\w]?")
_LEAST_HOURS = 24


def faults(page: Page) -> list[str]:
    """Everything that is wrong with a dashboard, as sentences; nothing where all is well."""
    shown = list(panels(page))
    found = [fault for rule in _PAGE_RULES for fault in rule(page)]
    for panel in shown:
        found += [f"{panel['title']}: {fault}" for rule in _PANEL_RULES for fault in rule(panel)]
    return found


def panels(page: Page) -> Iterator[Panel]:
    """Every panel that asks something, those in folded rows too."""
    for panel in _flat(page):
        if panel["type"] not in {"row", "text"}:
            yield panel


def expressions(panel: Panel) -> list[str]:
    """Its PromQL."""
    return [target["expr"] for target in panel["targets"] if "expr" in target]


def statements(panel: Panel) -> list[str]:
    """Its SQL."""
    return [target["rawSql"] for target in panel["targets"] if "rawSql" in target]


def _flat(page: Page) -> Iterator[Panel]:
    for panel in page["panels"]:
        yield panel
        yield from panel.get("panels") or ()


def _defaults(panel: Panel) -> dict[str, Any]:
    return dict(panel["fieldConfig"]["defaults"])


# --- pages ----------------------------------------------------------------------------------------------------------


def _has_a_name(page: Page) -> Iterator[str]:
    if not re.fullmatch(r"[a-z-]{1,40}", page["uid"]):
        yield f"the uid {page['uid']!r} is no name for an address"
    if not page["title"].startswith("SyncHealth: ") or not page["description"].endswith("."):
        yield "title or description is not as the others'"
    if page["schemaVersion"] < 36:
        yield "the schema is older than Grafana 10's"


def _leads_on(page: Page) -> Iterator[str]:
    kinds = [link["type"] for link in page["links"]]
    if kinds != ["dashboards", "link"]:
        yield "no links to the other dashboards, and to the desk"
    if not page["annotations"]["list"]:
        yield "no annotations"


def _shows_a_day(page: Page) -> Iterator[str]:
    span = re.fullmatch(r"now-(\d+)([hd])", page["time"]["from"])
    if span is None or int(span[1]) * {"h": 1, "d": 24}[span[2]] < _LEAST_HOURS:
        yield "conflicts live for days; it shows less than one"
    if page["refresh"].endswith("s"):
        yield "refreshed several times a minute"


def _ids_are_unique(page: Page) -> Iterator[str]:
    ids = [panel["id"] for panel in _flat(page)]
    if len(set(ids)) != len(ids):
        yield "two panels have one id"
    titles = [panel["title"] for panel in panels(page)]
    yield from (f"two panels are called {title!r}" for title in sorted(set(titles)) if titles.count(title) > 1)


def _nothing_overlaps(page: Page) -> Iterator[str]:
    for group in (page["panels"], *(panel.get("panels") or () for panel in page["panels"])):
        for one, other in combinations(group, 2):
            a, b = one["gridPos"], other["gridPos"]
            apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            apart_y = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
            if not (apart_x or apart_y):
                yield f"{one['title']!r} and {other['title']!r} overlap"
        for each in group:
            if each["gridPos"]["x"] + each["gridPos"]["w"] > 24:
                yield f"{each['title']!r} sticks out"


def _variables_are_used(page: Page) -> Iterator[str]:
    defined = {variable["name"] for variable in page["templating"]["list"]}
    text = json.dumps([page["panels"], page["links"], page["annotations"]])
    used = {name for name in _VARIABLE.findall(text) if not name.startswith("__")}
    if used != defined:
        yield f"variables: {sorted(defined - used)} are never used, {sorted(used - defined)} do not exist"


# --- panels ---------------------------------------------------------------------------------------------------------


def _says_what_it_is(panel: Panel) -> Iterator[str]:
    if not panel["title"] or not panel.get("description", "").endswith("."):
        yield "no title, or no description"
    if not _defaults(panel).get("unit"):
        yield "no unit"
    if not panel["targets"]:
        yield "asks nothing"
    if not panel.get("options"):
        yield "no options: Grafana's schema asks for an object"


def _says_when_there_is_nothing(panel: Panel) -> Iterator[str]:
    if not _defaults(panel).get("noValue", "").endswith("no data"):
        yield "an empty panel must not look like an all-clear: noValue ends in 'no data'"


def _takes_no_silence_for_zero(panel: Panel) -> Iterator[str]:
    if any("vector(" in expression for expression in expressions(panel)):
        yield "vector(): whoever does not look sees no zero"


def _leads_to_names_and_what_to_do(panel: Panel) -> Iterator[str]:
    links = _defaults(panel).get("links") or []
    if any(not link["url"].startswith("${desk}/") for link in links):
        yield "a link leads elsewhere than to the desk"
    if not any(re.match(r"\$\{desk\}/(runbooks/|detections$)", link["url"]) for link in links):
        yield "no link to a runbook"
    if not any(re.match(r"\$\{desk\}/(\?|f/|o/|sources|$)", link["url"]) for link in links):
        yield "no link to findings or objects"
    urls = " ".join(link["url"] for link in links)
    for label in _CLICKED.findall(urls):
        for expression in expressions(panel):
            if label not in _kept(expression):
                yield f"a link needs the label {label}, which a query does not keep"
    for field in _ROW.findall(urls):
        if not any(re.search(rf"\b{field}\b", text) for text in [*expressions(panel), *statements(panel)]):
            yield f"a link needs the column {field}, which no query has"
        if any(field in options.get("excludeByName", ()) for options in _organized(panel)):
            yield f"a link needs the column {field}, which is not shown"
        if any(options.get("renameByName", {}).get(field, field) != field for options in _organized(panel)):
            yield f"a link needs the column {field}, which is renamed"


def _kept(expression: str) -> list[str]:
    """The labels of its result: those of the outermost aggregation, which stands first."""
    first = _AGGREGATED.search(expression)
    return (first[1] or "").split(", ") if first else []


def _organized(panel: Panel) -> Iterator[dict[str, Any]]:
    for each in panel.get("transformations") or ():
        if each["id"] == "organize":
            yield each["options"]


def _legend_is_a_table(panel: Panel) -> Iterator[str]:
    if panel["type"] != "timeseries":
        return
    legend = panel["options"]["legend"]
    if legend["displayMode"] != "table" or legend["calcs"] != ["lastNotNull", "max"]:
        yield "the legend is no table with the last and the largest value"


def _every_line_has_a_name(panel: Panel) -> Iterator[str]:
    if panel["type"] != "table" and any(not target.get("legendFormat", "sql") for target in panel["targets"]):
        yield "a query without a legend"


def _draws_no_zero_lines(panel: Panel) -> Iterator[str]:
    if panel["type"] != "timeseries":
        return
    for target in panel["targets"]:
        many = [label for label in _MANY if f"{{{{{label}}}}}" in target.get("legendFormat", "")]
        if many and not (target["expr"].startswith("topk(") and "> 0" in target["expr"]):
            yield f"a line for every {many[0]}, not the largest above zero: {target['expr']}"


def _states_have_words(panel: Panel) -> Iterator[str]:
    if panel["type"] not in {"stat", "table"} or not any(_STATE.search(each) for each in expressions(panel)):
        return
    properties = [each for override in panel["fieldConfig"]["overrides"] for each in override["properties"]]
    if not _defaults(panel).get("mappings") and not any(each["id"] == "mappings" for each in properties):
        yield "1 or 0 instead of a word"


def _figures_have_colours(panel: Panel) -> Iterator[str]:
    if panel["type"] not in {"stat", "bargauge"}:
        return
    steps = (_defaults(panel).get("thresholds") or {}).get("steps") or []
    if not steps or steps[0]["value"] is not None:
        yield "no thresholds"


_PAGE_RULES = (_has_a_name, _leads_on, _shows_a_day, _ids_are_unique, _nothing_overlaps, _variables_are_used)
_PANEL_RULES = (
    _says_what_it_is,
    _says_when_there_is_nothing,
    _takes_no_silence_for_zero,
    _leads_to_names_and_what_to_do,
    _legend_is_a_table,
    _every_line_has_a_name,
    _draws_no_zero_lines,
    _states_have_words,
    _figures_have_colours,
)
