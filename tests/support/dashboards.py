"""What the dashboards ask, with Grafana's part done: variables filled in, links followed, results rendered as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.prometheus.build import RECORDING, recording_file
from grafana.build import dashboard_files
from grafana.checker import panels
from tests.support.prometheus import Prometheus

CHOICES = {f"${name}": ".*" for name in ("tenant", "forest", "family", "severity")}
_LEGEND = re.compile(r"\{\{(\w+)\}\}")
_LABEL = re.compile(r"\$\{__field\.labels\.(\w+)\}")


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query of a panel. labels: those that its links need of every series."""

    dashboard: str
    panel: str
    expression: str
    legend: str
    labels: frozenset[str]

    @property
    def place(self) -> str:
        """Dashboard and panel."""
        return f"{self.dashboard}: {self.panel}"


def pages() -> dict[str, dict[str, Any]]:
    """The dashboards by file name."""
    return {name: json.loads(text) for name, text in dashboard_files().items()}


def panel_queries(spans: Mapping[str, str]) -> Iterator[PanelQuery]:
    """Every PromQL query; `spans`: values of $__rate_interval and $__range."""
    for name, page in pages().items():
        for panel in panels(page):
            links = json.dumps(panel["fieldConfig"]["defaults"]["links"])
            for target in panel["targets"]:
                if "expr" in target:
                    expression = filled_in(target["expr"], {**CHOICES, **spans})
                    labels = frozenset(_LABEL.findall(links))
                    yield PanelQuery(name, panel["title"], expression, target["legendFormat"], labels)


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """A query as Grafana sends it."""
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def recording_at_once(folder: Path) -> None:
    """Our recording rules, those too that are evaluated every other minute, as often as the server evaluates any."""
    document = yaml.safe_load(recording_file())
    for group in document["groups"]:
        group.pop("interval", None)
    folder.mkdir(exist_ok=True)
    (folder / RECORDING).write_text(yaml.safe_dump(document))


def rendering(server: Prometheus, queries: Iterable[PanelQuery], at_s: float) -> str:
    """What the panels show at a time (Unix seconds), as text: a look by eye, where no Grafana is."""
    lines: list[str] = []
    place = ""
    for each in queries:
        if each.place != place:
            place = each.place
            lines.append(f"\n{place}")
        for row in server.series(each.expression, at_s, at_s)[:15]:
            labels: dict[str, str] = row["metric"]
            named = _LEGEND.sub(lambda found, known=labels: known.get(found[1], "?"), each.legend)  # type: ignore[misc]
            named = named or " ".join(f"{key}={value}" for key, value in labels.items())
            lines.append(f"    {float(row['values'][-1][1]):>14,.2f}  {named}")
    return "\n".join(lines)
