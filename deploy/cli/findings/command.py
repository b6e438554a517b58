"""`synchealth findings` and `synchealth explain`: what is wrong, who is involved, what to do."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
import msgspec

from deploy.cli.filters import Duration, FindingFilter
from deploy.cli.findings.groups import GROUPS, groups_table, write_csv
from deploy.cli.findings.page import finding_page
from deploy.cli.findings.source import ExplainedFinding, Findings, explain, read_findings
from deploy.cli.findings.table import findings_table, ordered
from deploy.cli.findings.watch import watch_json, watch_table
from deploy.cli.terminal import (
    Output,
    answering,
    console,
    installation,
    output_options,
    print_freshness,
    reading,
    show,
    where_kafka_is,
    write_json,
)
from sinks.freshness import EXIT_BLIND, Freshness
from sinks.freshness_source import read_freshness, with_failing
from streams.contracts.finding import Finding, FindingState, Severity
from streams.detections.registry import all_detections
from streams.runtime.clock import now_ms

_PAGE_WIDTH = 120  # longer lines are hard to read


@click.command()
@click.option("--open/--all", "only_open", default=True, show_default=True, help="Resolved and suppressed ones too.")
@click.option("--family", help="Only this family of detections, e.g. conflict.")
@click.option("--detection", help="Only this detection, e.g. conflict.duplicate_address.")
@click.option("--severity", type=click.Choice([s.value for s in Severity]), multiple=True, help="May be repeated.")
@click.option("--tenant", help="Only this tenant; the start of its id is enough.")
@click.option("--forest", help="Only this forest.")
@click.option("--search", metavar="TEXT", help="Only where a name, UPN, DN or id of those involved has this.")
@click.option("--older-than", type=Duration(), metavar="AGE", help="Only what has stood so long: 30m, 12h, 7d.")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="Lines of the table.")
@output_options(
    json="One finding per line, whole; with --watch one per change.", csv="For a spreadsheet, every finding."
)
@click.option("--group-by", type=click.Choice(sorted(GROUPS)), help="Count them by organisational unit, system, …")
@click.option("--watch", is_flag=True, help="Go on and show every change as it comes, until Ctrl-C.")
@where_kafka_is
def findings(
    only_open: bool,
    family: str | None,
    detection: str | None,
    severity: tuple[str, ...],
    tenant: str | None,
    forest: str | None,
    search: str | None,
    older_than: float | None,
    limit: int,
    output: Output,
    group_by: str | None,
    watch: bool,
    config: Path | None,
    kafka: str | None,
) -> None:
    """List what is wrong between the directories, the most severe and longest-standing first.

    Exit 3: nothing is found, and that says nothing, since not everything is known (a source that is silent or not
    read whole yet, workers that are behind).
    """
    if sum((output.json, output.csv, group_by is not None)) > 1 or (watch and (output.csv or group_by)):
        raise click.UsageError("--json, --csv and --group-by exclude each other; --watch goes with --json only")
    asked = FindingFilter(family, detection, severity, tenant, forest, search, older_than)
    settings = installation(config, kafka)

    def concerns(finding: Finding) -> bool:
        return asked(finding, now_ms())

    def wanted(finding: Finding) -> bool:
        return (finding.state is FindingState.OPEN or not only_open) and concerns(finding)

    try:
        with answering():
            with reading():
                fresh = read_freshness(settings)  # first, so that the answer is no older than what is said of it
                known = read_findings(settings.kafka)
                fresh = with_failing(fresh, known.latest.values())
            asked.check(settings, list(known.latest.values()))
            if watch:
                if output.json:
                    watch_json(settings.kafka, concerns)
                else:
                    watch_table(settings, concerns, wanted, limit, console())
                return
    except KeyboardInterrupt:
        return
    asked_at_ms = now_ms()
    about = [finding for finding in known.latest.values() if asked(finding, asked_at_ms)]
    chosen = [finding for finding in about if finding.state is FindingState.OPEN or not only_open]
    chosen = ordered(chosen, None if output.json or output.csv or group_by else limit)
    if output.json:
        if not chosen and fresh.faults:
            print_freshness(fresh)  # no line carries it
        for finding in chosen:
            write_json({**msgspec.to_builtins(finding), "freshness": fresh.document()})
    elif output.csv:
        print_freshness(fresh)
        write_csv(chosen, sys.stdout, raw=output.raw)
    else:
        terminal = console()
        print_freshness(fresh, terminal)
        grouped = groups_table(chosen, group_by) if group_by is not None and chosen else None
        page = grouped or findings_table(
            chosen,
            now_ms=now_ms(),
            limit=limit,
            width=terminal.width,
            all_clear=all_clear(fresh, known, asked),
            left_out=Counter(finding.state for finding in about),
        )
        show(terminal, page)
    if not chosen and fresh.faults:
        sys.exit(EXIT_BLIND)


def all_clear(fresh: Freshness, known: Findings, asked: FindingFilter) -> bool:
    """Whether "nothing found" means that both directories agree: everything was asked for, and everything is known."""
    stands = any(finding.state is not FindingState.RESOLVED for finding in known.latest.values())
    return not fresh.faults and not stands and asked == FindingFilter()


@click.command(name="explain")
@click.argument("finding_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One document: finding, history, facts.")
@where_kafka_is
def explain_command(finding_id: str, as_json: bool, config: Path | None, kafka: str | None) -> None:
    """Tell everything about one finding: who is involved on both sides, what to do, how it came about.

    The start of an ID is enough where it is unique.
    """
    settings = installation(config, kafka)
    with reading():
        fresh = read_freshness(settings)
        explained = explain(settings.kafka, finding_id.strip().lower())
    if as_json:
        write_json({**_document(explained), "freshness": fresh.document()})
        return
    titles = {registered.detection.id: registered.detection.title for registered in all_detections()}
    title = titles.get(explained.finding.detection, explained.finding.detection)
    terminal = console()
    terminal.width = min(terminal.width, _PAGE_WIDTH)
    print_freshness(fresh, terminal)
    show(terminal, finding_page(explained, title=title, now_ms=now_ms()))


def _document(explained: ExplainedFinding) -> dict[str, Any]:
    return {
        "finding": explained.finding,
        "history": explained.history,
        "facts": [
            {"origin": msgspec.to_builtins(origin), "fact": msgspec.to_builtins(fact)}
            for origin, fact in explained.facts
        ],
        "facts_are_all": explained.facts_are_all,
        "events": [msgspec.to_builtins(event) for event in explained.events],
        "events_are_all": explained.events_are_all,
        "consequences": explained.consequences,
    }
