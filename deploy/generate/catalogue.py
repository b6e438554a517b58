"""Writes streams/detections/CATALOGUE.md from the detections' metadata: `python -m deploy.generate.catalogue`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from streams import detections
from streams.detections.registry import Registered, all_detections

FILE = Path(detections.__file__).parent / "CATALOGUE.md"


def render() -> str:
    """The page."""
    lines = [
        "# Detections",
        "",
        "Generated from the metadata by `make generate`; do not edit. The name leads to the runbook.",
    ]
    for family, members in groupby(all_detections(), key=lambda registered: registered.detection.family):
        lines += ["", f"## {family}", "", "| detection | what it finds | severity | alert after |", "|---|---|---|---|"]
        lines += [_row(registered) for registered in members]
    return "\n".join(lines) + "\n"


def _row(registered: Registered) -> str:
    detection = registered.detection
    name = detection.id.partition(".")[2]
    alert = f"{detection.alert.for_s // 60} min" if detection.alert is not None else "none"
    return (
        f"| [{name}]({detection.family}/{registered.runbook.name}) | {detection.title} | {detection.severity.value} "
        f"| {alert} |"
    )


@click.command()
def main() -> None:
    """Write the page."""
    FILE.write_text(render())
    click.echo(f"{FILE.name}: {len(all_detections())} detections")


if __name__ == "__main__":
    main()
