"""Panels as all our dashboards have them: a title, a description, a unit, and queries against one data source."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
SEVERITY_COLOURS = {"critical": "dark-red", "high": "red", "medium": "orange", "low": "blue"}

Query = tuple[str, str]  # PromQL and legend


def _queries(panel: Any, queries: tuple[Query, ...], *, instant: bool = False, table_format: bool = False) -> Any:
    for place, (expression, legend) in enumerate(queries):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + place))
        query = query.datasource(DATASOURCE)
        if instant:
            query = query.instant()
        if table_format:
            query = query.format(PromQueryFormat.TABLE)
        panel = panel.with_target(query)
    return panel


def _described(panel: Any, title: str, description: str, unit: str, width: int, height: int) -> Any:
    panel = panel.title(title).description(description).unit(unit).span(width).height(height)
    return panel.datasource(DATASOURCE)


def _nothing(words: str) -> str:
    """What a panel without a value says: it cannot know whether there is nothing, or nobody who looks."""
    return f"{words}, or no data" if words else "no data"


def in_words(panel: Any, words: dict[str, str]) -> Any:
    """The panel with words for its values: value -> word."""
    options = {
        value: model.ValueMappingResult(text=word, index=place) for place, (value, word) in enumerate(words.items())
    }
    return panel.mappings([model.ValueMap(options=options)])


def thresholds(*steps: tuple[float | None, str]) -> Any:
    """Colours from these values on; the first has None."""
    return (
        dashboard.ThresholdsConfig()
        .mode("absolute")
        .steps([model.Threshold(value=value, color=colour) for value, colour in steps])
    )


def number(
    title: str, description: str, unit: str, *queries: Query, width: int = 4, steps: Any = None, no_value: str = ""
) -> Any:
    """One or a few figures of this moment."""
    panel = _described(stat.Panel(), title, description, unit, width, 4)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.color_mode(common_model.BigValueColorMode.VALUE)
    panel = panel.graph_mode(common_model.BigValueGraphMode.AREA)
    panel = panel.thresholds(steps or thresholds((None, "text")))
    panel = panel.no_value(_nothing(no_value))
    return _queries(panel, queries)


def lines(
    title: str, description: str, unit: str, *queries: Query, width: int = 12, height: int = 8, no_value: str = ""
) -> Any:
    """Figures over time."""
    panel = _described(timeseries.Panel(), title, description, unit, width, height)
    panel = panel.line_width(1).fill_opacity(10).show_points(common_model.VisibilityMode.NEVER)
    panel = panel.tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))
    legend = common.VizLegendOptions().display_mode(common_model.LegendDisplayMode.LIST)
    panel = panel.legend(legend.placement(common_model.LegendPlacement.BOTTOM).show_legend(True)).min(0)
    panel = panel.no_value(_nothing(no_value))
    return _queries(panel, queries)


def stacked(title: str, description: str, unit: str, *queries: Query, width: int = 12, no_value: str = "") -> Any:
    """Figures over time that add up."""
    panel = lines(title, description, unit, *queries, width=width, no_value=no_value).fill_opacity(40)
    return panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL).group("A"))


def bars(title: str, description: str, unit: str, *queries: Query, width: int = 12) -> Any:
    """Counts per step of time."""
    panel = lines(title, description, unit, *queries, width=width)
    return panel.draw_style(common_model.GraphDrawStyle.BARS).fill_opacity(80)


def buckets(title: str, description: str, unit: str, query: str, *, width: int = 12) -> Any:
    """The buckets of a histogram over time; `unit` is that of the buckets."""
    panel = _described(heatmap.Panel(), title, description, "short", width, 8).calculate(False)
    panel = panel.y_axis(heatmap.YAxisConfig().unit(unit))
    target = prometheus.Dataquery().expr(query).legend_format("{{le}}").ref_id("A").datasource(DATASOURCE)
    return panel.with_target(target.format(PromQueryFormat.HEATMAP))


def levels(title: str, description: str, unit: str, *queries: Query, width: int = 8, steps: Any = None) -> Any:
    """Figures of this moment as bars, one below the other in the order of the queries."""
    panel = _described(bargauge.Panel(), title, description, unit, width, 8)
    panel = panel.orientation(common_model.VizOrientation.HORIZONTAL).min(0)
    panel = panel.display_mode(common_model.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.thresholds(steps or thresholds((None, "blue"))).no_value(_nothing("none"))
    return _queries(panel, queries, instant=True)


def listing(title: str, description: str, *queries: Query, columns: dict[str, str], units: dict[str, str]) -> Any:
    """Labels and values of this moment as a table. `columns`: field -> heading, in order; `units`: heading -> unit."""
    panel = _described(table.Panel(), title, description, "short", 24, 8)
    panel = _queries(panel, queries, instant=True, table_format=True)
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    order = {name: place for place, name in enumerate(columns)}
    options = {"renameByName": columns, "indexByName": order, "excludeByName": {"Time": True}}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=options))
    for heading, unit in units.items():
        panel = panel.override_by_name(heading, [model.DynamicConfigValue(id_val="unit", value=unit)])
    return panel


def coloured(panel: Any, colours: dict[str, str]) -> Any:
    """The panel with a fixed colour per series name."""
    for name, colour in colours.items():
        value = {"mode": "fixed", "fixedColor": colour}
        panel = panel.override_by_name(name, [model.DynamicConfigValue(id_val="color", value=value)])
    return panel
