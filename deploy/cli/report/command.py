"""`synchealth report --first-reading`: what was wrong before anybody looked, and what to repair first."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click
from rich.console import Group as Page
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from deploy.cli.findings.groups import COLUMNS, row_of
from deploy.cli.findings.source import read_findings
from deploy.cli.findings.table import ID_CHARACTERS, SEVERITY_STYLE
from deploy.cli.report.first_reading import (
    AGES,
    FirstReading,
    Group,
    ReportedFault,
    faults_of,
    first_reading_of,
    groups_of,
)
from deploy.cli.report.weekly_command import weekly_report
from deploy.cli.terminal import (
    Output,
    console,
    installation,
    output_options,
    print_freshness,
    reading,
    show,
    where_kafka_is,
    write_json,
)
from sinks.freshness import EXIT_BLIND
from sinks.freshness_source import read_freshness
from streams.contracts.finding import FindingState
from streams.contracts.times import age, rfc3339
from streams.runtime.clock import now_ms
from streams.runtime.printable import printable, printable_lines, shown
from streams.runtime.spreadsheet import as_it_is, cell

CSV_COLUMNS = ("place", "explains", "people", "dated", "age", "cause", *COLUMNS)
_WIDE = 120


@click.group(invoke_without_command=True)
@click.option("--first-reading", is_flag=True, help="What stood when the directories were first read.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Lines of what to repair first.")
@output_options(
    json="One document: the groups, and every finding in order of repair.",
    csv="For a spreadsheet, every finding in order of repair.",
)
@where_kafka_is
def report(first_reading: bool, limit: int, output: Output, config: Path | None, kafka: str | None) -> None:
    """Count what the first reading found, by family and age, and say what to repair first.

    First comes what explains most findings about something else, then what is most severe, touches most people, is
    oldest.
    Exit 3: the first reading is not complete, so this is not all.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    if not first_reading:
        raise click.UsageError("which report? --first-reading, or weekly")
    settings = installation(config, kafka)
    with reading():
        found = read_findings(settings.kafka).latest.values()
        fresh = read_freshness(settings)
    first = first_reading_of(fresh, settings.detections.sync_interval_s)
    faults = faults_of(found, first)
    if output.json:
        write_json({**document(first, faults, fresh.at_ms), "freshness": fresh.document()})
    elif output.csv:
        print_freshness(fresh)
        click.echo(printable_lines(headline(first, fresh.at_ms).plain), err=True)
        write_csv(faults, sys.stdout, raw=output.raw)
    else:
        terminal = console()
        print_freshness(fresh, terminal)
        show(terminal, page(first, faults, limit=limit, width=terminal.width, at_ms=now_ms()))
    if not first.complete:
        sys.exit(EXIT_BLIND)


def document(first: FirstReading, faults: Sequence[ReportedFault], at_ms: int) -> dict[str, object]:
    """The report for machines."""
    ended_ms = first.ended_ms
    return {
        "complete": first.complete,
        "faults": list(first.faults),
        "ended": rfc3339(ended_ms) if ended_ms is not None else None,
        "patience_ends": rfc3339(ended_ms + first.patience_ms) if ended_ms is not None else None,
        "patient": _is_patient(first, at_ms),
        "sources": {name: rfc3339(ms) if ms else None for name, ms in first.whole_ms.items()},
        "groups": [group.document() for group in groups_of(faults)],
        "findings": [fault.document() for fault in faults],
    }


def write_csv(faults: Sequence[ReportedFault], file: IO[str], *, raw: bool = False) -> None:
    """A line per finding. A text that a spreadsheet would run gets a quote before it, unless `raw`."""
    as_cell = as_it_is if raw else cell
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    for place, fault in enumerate(faults, 1):
        dated = rfc3339(fault.dated_ms) if fault.dated_ms is not None else None
        numbers = (str(place), str(fault.explains), str(fault.people))
        row = (*numbers, dated, fault.age, fault.finding.cause, *row_of(fault.finding))
        writer.writerow([as_cell(value) for value in row])


def page(first: FirstReading, faults: Sequence[ReportedFault], *, limit: int, width: int, at_ms: int) -> RenderableType:
    """The report for people: how far it is, the numbers, and what to repair first."""
    if not faults:
        over = first.complete and not _is_patient(first, at_ms)
        return Page(headline(first, at_ms), Text("It found nothing wrong." if over else "Nothing is found so far."))
    standing = [fault for fault in faults if fault.finding.state is FindingState.OPEN]
    parts: list[RenderableType] = [headline(first, at_ms), Text(), _numbers(groups_of(faults), wide=width >= _WIDE)]
    if standing:
        parts += [Text(), Text("What to repair first", style="bold"), _repairs(standing[:limit], at_ms)]
    more = f"{len(standing) - limit:,} more: raise --limit, or take all with --csv\n" if len(standing) > limit else ""
    parts += [Text(), Text(f"{more}synchealth explain ID tells who is involved and what to do", style="dim")]
    return Page(*parts)


def headline(first: FirstReading, at_ms: int) -> Text:
    """Whether this is all, and until when a finding counts."""
    if not first.complete:
        text = Text("The first reading is not complete: this is not all.", style="bold yellow")
        for fault in first.faults:
            text.append(f"\n{fault}")
        return text
    text = Text(f"First reading complete since {rfc3339(first.ended_ms or 0)}: what stood then counts.")
    if _is_patient(first, at_ms):
        text.append(
            f"\nWhat synchronisation may still bring is told after two cycles: until "
            f"{rfc3339((first.ended_ms or 0) + first.patience_ms)} more may come.",
            style="yellow",
        )
    return text


def _is_patient(first: FirstReading, at_ms: int) -> bool:
    return first.ended_ms is None or at_ms < first.ended_ms + first.patience_ms


def _numbers(groups: Sequence[Group], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    table.add_column("DETECTION", no_wrap=True, overflow="ellipsis")
    table.add_column("SEVERITY", no_wrap=True)
    ages = [each for each in AGES if any(group.ages[each] for group in groups)] if wide else []
    for name in ("FOUND", "OPEN", "EXPLAINED", "REPAIRED", *map(str.upper, ages)):
        table.add_column(name, justify="right", max_width=12)
    family = ""
    for group in groups:
        if group.family != family:
            family = group.family
            own = [each for each in groups if each.family == family]
            table.add_row(Text(printable(family), style="bold"), "", *_counts(own, ages), style="bold")
        detection = Text(f"  {printable(group.detection.partition('.')[2])}")
        severity = Text(group.severity.value, style=SEVERITY_STYLE[group.severity])
        table.add_row(detection, severity, *_counts([group], ages))
    return table


def _counts(groups: Sequence[Group], ages: Sequence[str]) -> list[str]:
    states = (FindingState.OPEN, FindingState.SUPPRESSED, FindingState.RESOLVED)
    numbers = [sum(group.states.total() for group in groups)]
    numbers += [sum(group.states[state] for group in groups) for state in states]
    numbers += [sum(group.ages[each] for group in groups) for each in ages]
    return [f"{number:,}" if number else "-" for number in numbers]


def _repairs(faults: Sequence[ReportedFault], at_ms: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="bold dim")
    for name in ("EXPLAINS", "SEVERITY", "PEOPLE", "DATED"):
        table.add_column(name, no_wrap=True, justify="left" if name == "SEVERITY" else "right")
    table.add_column("WHAT", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("ID", no_wrap=True, style="dim")
    for fault in faults:
        finding = shown(fault.finding)
        table.add_row(
            f"{fault.explains:,}" if fault.explains else "-",
            Text(finding.severity.value, style=SEVERITY_STYLE[finding.severity]),
            f"{fault.people:,}" if fault.people else "-",
            age((at_ms - fault.dated_ms) / 1000) if fault.dated_ms is not None else "-",
            Text(finding.summary),
            finding.id[:ID_CHARACTERS],
        )
    return table


report.add_command(weekly_report)
