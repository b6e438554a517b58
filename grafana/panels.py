"""Panels as all our dashboards have them: title, description, unit, links, what an empty one says, and queries.

The classes are those of grafana-foundation-sdk (Grafana's own schema, typed); what they lack is written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, table, text
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from grafana.links import Links

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
# The plug-in's id since Grafana 10.2.3: https://github.com/grafana/grafana/issues/80180
HISTORY = model.DataSourceRef(type_val="grafana-postgresql-datasource", uid="${history}")
_LINK = model.DashboardLinkType.LINK
SEVERITY_COLOURS = {"critical": "dark-red", "high": "red", "medium": "orange", "low": "blue"}
CHANGE_COLOURS = {"opened": "red", "resolved": "green"}

Query = tuple[str, str]  # PromQL and legend


@dataclass(frozen=True, slots=True)
class Sql:
    """A query of the history. over_time: columns time, metric and value, in the order of time; else a table.

    Source of the forms: https://grafana.com/docs/grafana/latest/datasources/postgres/query-editor/
    """

    statement: str
    over_time: bool = False

    def build(self) -> dict[str, object]:
        """As the JSON of a dashboard has it."""
        return {
            "datasource": HISTORY,
            "editorMode": "code",
            "format": "time_series" if self.over_time else "table",
            "rawQuery": True,
            "rawSql": self.statement,
            "refId": "A",
        }


def _queries(
    panel: Any, queries: tuple[Query | Sql, ...], *, instant: bool = False, table_format: bool = False
) -> Any:
    for place, each in enumerate(queries):
        if isinstance(each, Sql):
            panel = panel.with_target(each).datasource(HISTORY)
            continue
        expression, legend = each
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + place))
        query = query.datasource(DATASOURCE)
        if instant:
            query = query.instant()
        if table_format:
            query = query.format(PromQueryFormat.TABLE)
        panel = panel.with_target(query)
    return panel


def _described(panel: Any, title: str, description: str, unit: str, links: Links, width: int, height: int) -> Any:
    panel = panel.title(title).description(description).unit(unit).span(width).height(height)
    shown = [dashboard.DashboardLink(each.title).type(_LINK).url(each.url).target_blank(True) for each in links]
    return panel.data_links(shown).datasource(DATASOURCE)


def _nothing(words: str) -> str:
    """What a panel without a value says: it cannot know whether there is nothing, or nobody who looks."""
    return f"{words}, or no data" if words else "no data"


def in_words(panel: Any, words: Mapping[str, str]) -> Any:
    """The panel with words for its values: value -> word."""
    return panel.mappings([_mapping(words)])


def _mapping(words: Mapping[str, str]) -> Any:
    options = {
        value: model.ValueMappingResult(text=word, index=place) for place, (value, word) in enumerate(words.items())
    }
    return model.ValueMap(options=options)


def thresholds(*steps: tuple[float | None, str]) -> Any:
    """Colours from these values on; the first has None."""
    return (
        dashboard.ThresholdsConfig()
        .mode("absolute")
        .steps([model.Threshold(value=value, color=colour) for value, colour in steps])
    )


WELL = thresholds((None, "green"), (1, "orange"))
BAD = thresholds((None, "green"), (1, "red"))


def introduction(content: str, *, height: int = 3) -> Any:
    """What the page is for, in Markdown."""
    panel = text.Panel().title("").description("How to read this page.").span(24).height(height).transparent(True)
    return panel.mode(TextMode.MARKDOWN).content(content)


def number(
    title: str,
    description: str,
    unit: str,
    *queries: Query | Sql,
    links: Links,
    width: int = 4,
    steps: Any = None,
    no_value: str = "",
) -> Any:
    """One or a few figures of this moment."""
    panel = _described(stat.Panel(), title, description, unit, links, width, 4)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.color_mode(common_model.BigValueColorMode.VALUE)
    panel = panel.graph_mode(common_model.BigValueGraphMode.AREA)
    panel = panel.thresholds(steps or thresholds((None, "text")))
    panel = panel.no_value(_nothing(no_value))
    return _queries(panel, queries)


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query | Sql,
    links: Links,
    width: int = 12,
    height: int = 9,
    no_value: str = "",
    limit: float | None = None,
) -> Any:
    """Figures over time, with their last and largest values. limit: from where on it is bad, drawn as a line."""
    panel = _described(series.Panel(), title, description, unit, links, width, height)
    panel = panel.line_width(1).fill_opacity(10).show_points(common_model.VisibilityMode.AUTO)
    tooltip = common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI)
    panel = panel.tooltip(tooltip.sort(common_model.SortOrder.DESCENDING))
    legend = common.VizLegendOptions().display_mode(common_model.LegendDisplayMode.TABLE).show_legend(True)
    legend = legend.placement(common_model.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"])
    panel = panel.legend(legend).min(0).no_value(_nothing(no_value))
    if limit is not None:
        style = common.GraphThresholdsStyleConfig().mode(common_model.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(thresholds((None, "green"), (limit, "red"))).thresholds_style(style)
    return _queries(panel, queries)


def stacked(
    title: str,
    description: str,
    unit: str,
    *queries: Query | Sql,
    links: Links,
    width: int = 12,
    no_value: str = "",
) -> Any:
    """Figures over time that add up."""
    panel = lines(title, description, unit, *queries, links=links, width=width, no_value=no_value).fill_opacity(40)
    return panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL).group("A"))


def bars(
    title: str,
    description: str,
    unit: str,
    *queries: Query | Sql,
    links: Links,
    width: int = 12,
    no_value: str = "",
) -> Any:
    """Counts per step of time."""
    panel = lines(title, description, unit, *queries, links=links, width=width, no_value=no_value)
    return panel.draw_style(common_model.GraphDrawStyle.BARS).fill_opacity(80)


def buckets(title: str, description: str, unit: str, query: str, *, links: Links, width: int = 12) -> Any:
    """The buckets of a histogram over time; `unit` is that of the buckets."""
    panel = _described(heatmap.Panel(), title, description, "short", links, width, 9).calculate(False)
    panel = panel.y_axis(heatmap.YAxisConfig().unit(unit)).no_value(_nothing(""))
    target = prometheus.Dataquery().expr(query).legend_format("{{le}}").ref_id("A").datasource(DATASOURCE)
    return panel.with_target(target.format(PromQueryFormat.HEATMAP))


def levels(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    links: Links,
    width: int = 8,
    steps: Any = None,
    no_value: str = "none",
) -> Any:
    """Figures of this moment as bars, one below the other in the order of the queries."""
    panel = _described(bargauge.Panel(), title, description, unit, links, width, 8)
    panel = panel.orientation(common_model.VizOrientation.HORIZONTAL).min(0)
    panel = panel.display_mode(common_model.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.thresholds(steps or thresholds((None, "blue"))).no_value(_nothing(no_value))
    return _queries(panel, queries, instant=True)


def listing(
    title: str,
    description: str,
    *queries: Query | Sql,
    links: Links,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    mappings: Mapping[str, Mapping[str, str]] | None = None,
    limits: Mapping[str, Any] | None = None,
    width: int = 24,
    height: int = 9,
    no_value: str = "",
) -> Any:
    """Labels and values of this moment, or rows of the history, as a table.

    columns: field -> heading, in order; those of Prometheus only, SQL names and orders its own. `units`, `mappings`
    (words for values) and `limits` (thresholds that colour the text) are by heading.
    """
    panel = _described(table.Panel(), title, description, "short", links, width, height)
    panel = panel.no_value(_nothing(no_value)).show_header(True)
    panel = _queries(panel, queries, instant=True, table_format=True)
    if columns is not None:
        panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        order = {name: place for place, name in enumerate(columns)}
        options = {"renameByName": columns, "indexByName": order, "excludeByName": {"Time": True}}
        panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=options))
    properties: dict[str, list[Any]] = {}
    for heading, unit in (units or {}).items():
        properties.setdefault(heading, []).append(model.DynamicConfigValue(id_val="unit", value=unit))
    for heading, known in (mappings or {}).items():
        properties.setdefault(heading, []).append(
            model.DynamicConfigValue(id_val="mappings", value=[_mapping(known)])
        )
    for heading, steps in (limits or {}).items():
        properties.setdefault(heading, []).extend(
            [
                model.DynamicConfigValue(id_val="thresholds", value=steps.build()),
                model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
            ]
        )
    for heading, values in properties.items():
        panel = panel.override_by_name(heading, values)
    return panel


def coloured(panel: Any, colours: Mapping[str, str]) -> Any:
    """The panel with a fixed colour per series name."""
    for name, colour in colours.items():
        value = {"mode": "fixed", "fixedColor": colour}
        panel = panel.override_by_name(name, [model.DynamicConfigValue(id_val="color", value=value)])
    return panel
