"""What the desk is handed at its start: the detections with their runbooks, and its ways to ask the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.cli.check.command import lines
from deploy.prometheus.runbook_command import runbooks
from sinks.desk.catalogue import Catalogue, Described
from sinks.desk.pipeline import Checked, Pipeline
from sinks.freshness_source import read_freshness
from streams.detections.registry import all_detections
from streams.runtime.settings import Settings


def catalogue() -> Catalogue:
    """Every detection, and every runbook by the names that alerts give it."""
    described = [
        Described(one.id, one.family, one.severity, one.title, each.runbook.read_text())
        for each, one in ((each, each.detection) for each in all_detections())
    ]
    return Catalogue(described, {name: path.read_text() for name, path in runbooks().items()})


def pipeline(settings: Settings, config: Path | None) -> Pipeline:
    """The ways to ask this installation's pipeline."""

    def checks() -> Iterator[Checked]:
        asked = settings.desk.check_directories
        if not asked:
            advice = "run `synchealth check`, or set [desk] check_directories: the desk needs their secrets then"
            yield Checked("directories", "gap", "domain controllers and Graph are not asked from here", advice)
        for line in lines(settings, config, settings.prometheus.url, directories=asked):
            yield Checked(line.area, line.mark.value, line.what, line.advice)

    return Pipeline(freshness=lambda: read_freshness(settings), checks=checks)
