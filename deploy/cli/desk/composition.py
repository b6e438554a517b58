"""What the desk is handed at its start: the detections with their runbooks, and its ways to ask the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.cli.check.command import lines
from deploy.cli.check.pipeline import AREA as PIPELINE
from deploy.cli.desk.present import cycles, presences
from deploy.cli.findings.events import names_of, read_events
from deploy.cli.findings.source import ExplainedFinding, objects_of, read_facts
from deploy.cli.findings.timeline import TimelineRow, notes, rows
from deploy.prometheus.installation import targets
from deploy.prometheus.runbook_command import runbooks
from sinks.desk.catalogue import Catalogue, Described, ScrapeTargets
from sinks.desk.pipeline import Checked, Pipeline, Timeline, TimelineEntry
from sinks.desk.portal import portal_of
from sinks.freshness_source import read_freshness
from streams.contracts.finding import Finding
from streams.detections.registry import Registered, all_detections
from streams.runtime.settings import Settings


def catalogue(settings: Settings) -> Catalogue:
    """Every detection, and every runbook by the names that alerts give it."""
    portals = {each.id: portal for each in settings.tenant if (portal := portal_of(each.graph_url))}
    thresholds = settings.detections.model_dump(mode="json")
    books = {name: path.read_text() for name, path in runbooks().items()}
    described, scraped = map(_described, all_detections()), _targets(settings)
    return Catalogue(described, books, portals=portals, thresholds=thresholds, targets=scraped)


def _targets(settings: Settings) -> list[ScrapeTargets]:
    """One group a process, with the labels of the generated configuration."""
    name = settings.installation.name
    return [
        ScrapeTargets([each.address], {"job": each.job, "process": each.process, "installation": name})
        for each in targets(settings)
    ]


def _described(registered: Registered) -> Described:
    one = registered.detection
    return Described(
        one.id, one.family, one.severity, one.title, registered.runbook.read_text(), one.hold_s,
        one.alert.for_s if one.alert else None, one.status.value, one.tenant_wide, one.false_positives, one.references,
    )  # fmt: skip


def _entry(row: TimelineRow) -> TimelineEntry:
    return TimelineEntry(at=row.at, who=row.what, about=row.about, words=row.words, failed=row.failed)


def pipeline(settings: Settings, config: Path | None) -> Pipeline:
    """The ways to ask this installation's pipeline."""

    def checks() -> Iterator[Checked]:
        asked = settings.desk.check_directories
        if not asked:
            advice = "run `synchealth check`, or set [desk] check_directories: the desk needs their secrets then"
            yield Checked("directories", "gap", "domain controllers and Graph are not asked from here", advice)
        for line in lines(settings, config, settings.prometheus.url, directories=asked):
            if line.area == PIPELINE:
                continue  # every page says it, as it is now
            yield Checked(line.area, line.mark.value, line.what, line.advice)

    def timeline(finding: Finding) -> Timeline:
        facts, every_fact = read_facts(settings.kafka, finding.tenant, objects_of(finding))
        events, every_event = read_events(settings.kafka, names_of(finding))
        explained = ExplainedFinding(finding, [], facts, every_fact, events, every_event)
        entries = [_entry(row) for row in rows(explained)]
        return Timeline(entries=entries, notes=notes(explained))

    return Pipeline(
        freshness=lambda: read_freshness(settings),
        checks=checks,
        timeline=timeline,
        present=lambda name: presences(settings, name),
        cycles=lambda: cycles(settings),
    )
