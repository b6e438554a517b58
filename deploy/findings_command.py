"""`synchealth findings` and `synchealth explain`: what is wrong, who is involved, what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from deploy.finding_page import finding_page
from deploy.findings_groups import GROUPS, groups_table, write_csv
from deploy.findings_source import Explained, explain, read_findings
from deploy.findings_table import findings_table, ordered
from deploy.findings_watch import watch_json, watch_table
from deploy.terminal import console, installation, reading, show, where_kafka_is
from streams.contracts.codec import encode
from streams.contracts.errors import SyncHealthError
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
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="Lines of the table.")
@click.option("--json", "as_json", is_flag=True, help="One finding per line, whole; with --watch one per change.")
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet, every finding.")
@click.option("--group-by", type=click.Choice(sorted(GROUPS)), help="Count them by organisational unit, system, …")
@click.option("--watch", is_flag=True, help="Go on and show every change as it comes, until Ctrl-C.")
@where_kafka_is
def findings(
    only_open: bool,
    family: str | None,
    detection: str | None,
    severity: tuple[str, ...],
    tenant: str | None,
    limit: int,
    as_json: bool,
    as_csv: bool,
    group_by: str | None,
    watch: bool,
    config: Path | None,
    kafka: str | None,
) -> None:
    """List what is wrong between the directories, the most severe and longest-standing first."""

    def concerns(finding: Finding) -> bool:
        return (
            family in (None, finding.family)
            and detection in (None, finding.detection)
            and (not severity or finding.severity.value in severity)
            and (tenant is None or finding.tenant.startswith(tenant))
        )

    def wanted(finding: Finding) -> bool:
        return concerns(finding) and (finding.state is FindingState.OPEN or not only_open)

    if sum((as_json, as_csv, group_by is not None)) > 1 or (watch and (as_csv or group_by)):
        raise click.UsageError("--json, --csv and --group-by exclude each other; --watch goes with --json only")
    settings = installation(config, kafka).kafka
    terminal = console()
    try:
        if not watch:
            with reading():
                known = read_findings(settings)
            chosen = ordered([finding for finding in known.latest.values() if wanted(finding)])
            if as_csv:
                write_csv(chosen, sys.stdout)
            elif group_by is not None:
                show(terminal, groups_table(chosen, group_by))
            else:
                _list(chosen, limit, terminal, as_json=as_json)
        elif as_json:
            watch_json(settings, concerns)
        else:
            watch_table(settings, concerns, wanted, limit, terminal)
    except SyncHealthError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        return


@click.command(name="explain")
@click.argument("finding_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One document: finding, history, facts.")
@where_kafka_is
def explain_command(finding_id: str, as_json: bool, config: Path | None, kafka: str | None) -> None:
    """Tell everything about one finding: who is involved on both sides, what to do, how it came about.

    The start of an ID is enough where it is unique.
    """
    settings = installation(config, kafka).kafka
    try:
        with reading():
            explained = explain(settings, finding_id.strip().lower())
    except SyncHealthError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        sys.stdout.buffer.write(encode(_document(explained)) + b"\n")
        return
    titles = {registered.detection.id: registered.detection.title for registered in all_detections()}
    title = titles.get(explained.finding.detection, explained.finding.detection)
    terminal = console()
    terminal.width = min(terminal.width, _PAGE_WIDTH)
    show(terminal, finding_page(explained, title=title, now_ms=now_ms()))


def _list(chosen: list[Finding], limit: int, terminal: Console, *, as_json: bool) -> None:
    if as_json:
        for finding in chosen:
            sys.stdout.buffer.write(encode(finding) + b"\n")
        return
    show(terminal, findings_table(chosen, now_ms=now_ms(), limit=limit, width=terminal.width))


def _document(explained: Explained) -> dict[str, Any]:
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
