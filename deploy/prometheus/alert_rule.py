"""One alert rule, as Prometheus reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streams.contracts.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """An alert; `severity` None: the label comes with the series. `runbook` is a path in this repository."""

    name: str
    expr: str
    summary: str
    description: str
    runbook: str
    severity: Severity | None = None
    for_: str | None = None
    keep_firing_for: str | None = None

    def document(self, runbook_base_url: str) -> dict[str, Any]:
        """The rule as YAML has it. `runbook_base_url` goes before the runbook's path."""
        rule: dict[str, Any] = {"alert": self.name, "expr": self.expr}
        if self.for_:
            rule["for"] = self.for_
        if self.keep_firing_for:
            rule["keep_firing_for"] = self.keep_firing_for
        if self.severity:
            rule["labels"] = {"severity": self.severity.value}
        rule["annotations"] = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{runbook_base_url}{self.runbook}",
        }
        return rule
