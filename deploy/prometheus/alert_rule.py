"""One alert rule, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.contracts.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where the alerts of an installation lead.

    runbook_base_url: goes before each runbook's path in this repository; ends in a slash.
    grafana_url:      of the Grafana that has our dashboards; "": alerts name none.
    """

    runbook_base_url: str = ""
    grafana_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """An alert; `severity` None: the label comes with the series.

    runbook:   its path in this repository.
    dashboard: the uid of the page to look at.
    labels:    others than severity.
    """

    name: str
    expr: str
    summary: str
    description: str
    runbook: str
    severity: Severity | None = None
    for_: str | None = None
    keep_firing_for: str | None = None
    dashboard: str = "synchealth-overview"
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self, links: Links) -> dict[str, Any]:
        """The rule as YAML has it."""
        rule: dict[str, Any] = {"alert": self.name, "expr": self.expr}
        if self.for_:
            rule["for"] = self.for_
        if self.keep_firing_for:
            rule["keep_firing_for"] = self.keep_firing_for
        labels = ({"severity": self.severity.value} if self.severity else {}) | dict(self.labels)
        if labels:
            rule["labels"] = labels
        rule["annotations"] = {
            "summary": self.summary,
            "description": self.description,
            # Who has no browser at hand reads it with the command.
            "runbook": f"synchealth runbook {self.name}",
            "runbook_url": f"{links.runbook_base_url}{self.runbook}",
        }
        if links.grafana_url:
            rule["annotations"]["dashboard_url"] = f"{links.grafana_url.rstrip('/')}/d/{self.dashboard}"
        return rule
