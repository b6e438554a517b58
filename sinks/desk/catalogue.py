"""What the desk knows of detections: handed in at the start, since sinks do not know the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from streams.contracts.finding import Severity


class ScrapeTargets(msgspec.Struct, frozen=True):
    """Addresses that Prometheus is to scrape, and the labels that they get.

    Source: https://prometheus.io/docs/prometheus/latest/http_sd/
    """

    targets: list[str]
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Described:
    """One detection.

    runbook: its Markdown. hold_s: how long it must stand before it opens; alert_s: how long it is open before it
    alerts, None: it does not; status: how far it may be trusted; tenant_wide: it explains others away.
    """

    id: str
    family: str
    severity: Severity
    title: str
    runbook: str
    hold_s: int = 0
    alert_s: int | None = None
    status: str = "stable"
    tenant_wide: bool = False
    false_positives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


class Catalogue:
    """Every detection, by id and by family, and the runbooks of the pipeline's own alerts by the alert's name."""

    def __init__(
        self,
        detections: Iterable[Described],
        runbooks: dict[str, str] | None = None,
        *,
        portals: Mapping[str, str] | None = None,
        thresholds: Mapping[str, object] | None = None,
        targets: Sequence[ScrapeTargets] = (),
    ) -> None:
        """portals: tenant -> its admin centre (sinks.desk.portal); thresholds: [detections] of the settings;
        targets: the processes of `synchealth up`."""
        self.portals = dict(portals or {})
        self.thresholds = dict(thresholds or {})
        self.targets = list(targets)
        self.detections = {each.id: each for each in detections}
        self.families = sorted({each.family for each in self.detections.values()})
        self._runbooks = dict(runbooks or {}) | {each.id: each.runbook for each in self.detections.values()}

    def title(self, detection: str) -> str:
        """What a detection is called; its id where it is none of ours (a finding of an older version)."""
        known = self.detections.get(detection)
        return known.title if known is not None else detection

    def runbook(self, name: str) -> str | None:
        """The Markdown of a runbook by a detection's id or path (`conflict/duplicate_address.md`), or alert's name."""
        return self._runbooks.get(name) or self._runbooks.get(name.removesuffix(".md").replace("/", "."))
