"""`synchealth replay`: try the readers on files from a real server, and see what they would open, without Kafka."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec

from deploy.cli.findings.page import finding_page
from deploy.cli.findings.source import ExplainedFinding
from deploy.cli.findings.table import findings_table, ordered
from deploy.cli.replay.documents import documents
from deploy.cli.replay.reading import Read, read
from deploy.cli.replay.rehearsal import Rehearsal
from deploy.cli.scan.progress import shown_progress
from deploy.cli.terminal import console, show
from streams.contracts.errors import SyncHealthError
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.detections.registry import all_detections
from streams.runtime.printable import printable

RECOGNISED, NOT_ALL, FAILURE = 0, 1, 2
# Most of what must stand a while before it opens does so within this; --at lets more time pass.
_HOLD_MS = 600_000
_MOST_KINDS = 2_000
_PAGE_WIDTH = 120
NOT_KNOWN = (
    "Judged by these files alone: no object of either directory, no settings of the tenant, nothing before the first "
    "record. Findings that need them stay away, and a name or a holder may be missing; an object that was refused is "
    "taken for a user. That a server fell silent is not known where the file ends: --at TIME says until when it would "
    "have told more."
)


@dataclass
class Tally:
    """What was read. unknown: (kind, level) -> how many, and the first line of the first one."""

    known: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], str] = field(default_factory=dict)
    unreadable: int = 0
    why: str = ""

    def take(self, entry: Read) -> None:
        """Count one document; kinds beyond 2,000 are counted together."""
        if entry.known:
            counter = self.left_out if entry.left_out else self.known
            counter[entry.kind if entry.kind in counter or len(counter) < _MOST_KINDS else "others"] += 1
            return
        key = (entry.kind, entry.level)
        if key not in self.unknown and len(self.unknown) >= _MOST_KINDS:
            key = ("others", "")
        self.unknown[key] += 1
        self.first.setdefault(key, entry.text)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--tenant", metavar="ID", help="Only this tenant's records of a hub. Default: all, as one tenant's.")
@click.option("--at", "at", metavar="TIME", help="Judge as of then (RFC 3339). Default: ten minutes after the last.")
@click.option("--explain", "explain", is_flag=True, help="Each finding in full, as `synchealth explain` shows it.")
@click.option("--json", "as_json", is_flag=True, help="One document: recognised, not recognised, findings.")
def replay(files: tuple[Path, ...], tenant: str | None, at: str | None, explain: bool, as_json: bool) -> None:
    """Try the readers on files from a real server: what is recognised, what is not, what it would open.

    FILE: documents of Winlogbeat, dumps of Event Hubs, rows of Graph's audit and provisioning logs, or records of our
    own topics; one JSON document per line, an array, or a single one. Nothing is sent anywhere.

    Exit code: 0 all recognised, 1 something was not, 2 a file cannot be read or nothing at all is recognised.
    """
    try:
        at_ms = parse_rfc3339(at) if at else None
    except ValueError as error:
        raise click.BadParameter(f"{at} is no RFC 3339 time", param_hint="--at") from error
    tally, rehearsal = Tally(), Rehearsal()
    try:
        with shown_progress() as progress:
            for path in files:
                _read_file(path, tenant, tally, rehearsal, progress)
    except SyncHealthError as error:
        click.echo(f"replay failed: {printable(str(error))}", err=True)
        raise SystemExit(FAILURE) from error
    if rehearsal.last_ms:
        rehearsal.advance(max(at_ms or 0, rehearsal.last_ms) if at_ms else rehearsal.last_ms + _HOLD_MS)
    findings = ordered(list(rehearsal.findings.values()))
    try:
        if as_json:
            click.echo(json.dumps(_document(tally, rehearsal, findings)))  # ASCII alone: nothing acts on a terminal
        else:
            _print(tally, rehearsal, findings, explain=explain)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(_exit_code(tally))


def _read_file(
    path: Path, tenant: str | None, tally: Tally, rehearsal: Rehearsal, progress: Callable[[str, int, int | None], None]
) -> None:
    def unreadable(number: int, why: str) -> None:
        tally.unreadable += 1
        tally.why = tally.why or f"{path}, line {number}: {why}"

    size = path.stat().st_size if path.is_file() else None
    for document in documents(path, unreadable, lambda done: progress(path.name, done, size)):
        for entry in read(document, tenant):
            tally.take(entry)
            rehearsal.take(_of_one_tenant(entry, tenant))


def _of_one_tenant(entry: Read, tenant: str | None) -> Read:
    """Windows events name no tenant: what is read without one is judged together."""
    if not entry.events or tenant or entry.kind.startswith("recorded"):
        return entry
    one = [msgspec.structs.replace(event, tenant="replay") for event in entry.events]
    return Read(entry.kind, True, events=one)


def _exit_code(tally: Tally) -> int:
    if not tally.known and not tally.left_out:
        return FAILURE
    return NOT_ALL if tally.unknown or tally.unreadable else RECOGNISED


def _document(tally: Tally, rehearsal: Rehearsal, findings: list[Finding]) -> dict[str, Any]:
    return {
        "recognised": dict(sorted(tally.known.items())),
        "says_nothing_of_synchronisation": dict(sorted(tally.left_out.items())),
        "not_recognised": [
            {"kind": kind, "level": level, "count": count, "text": tally.first[kind, level]}
            for (kind, level), count in sorted(tally.unknown.items())
        ],
        "unreadable": tally.unreadable,
        "first": rfc3339(rehearsal.first_ms) if rehearsal.first_ms is not None else None,
        "last": rfc3339(rehearsal.last_ms) if rehearsal.last_ms else None,
        "findings": [msgspec.to_builtins(finding) for finding in findings],
        "rules_failed": rehearsal.faults,
        "not_known": NOT_KNOWN,
    }


def _print(tally: Tally, rehearsal: Rehearsal, findings: list[Finding], *, explain: bool) -> None:
    click.echo(f"recognised: {tally.known.total():,}")
    for kind, count in sorted(tally.known.items()):
        click.echo(f"  {count:>8,}  {printable(kind)}")
    if tally.left_out:
        click.echo(f"recognised, and says nothing of synchronisation: {tally.left_out.total():,}")
    click.echo(f"not recognised: {tally.unknown.total():,}")
    for (kind, level), count in sorted(tally.unknown.items()):
        label = printable(f"{kind} {level}".strip())
        click.echo(f"  {count:>8,}  {label}: {printable(tally.first[kind, level])}")
    if tally.unreadable:
        click.echo(f"no JSON: {tally.unreadable:,} (first: {printable(tally.why)})")
    for fault in rehearsal.faults:
        click.echo(f"rule failed: {printable(fault)}")
    if not rehearsal.last_ms:
        return
    now_ms = max(rehearsal.last_ms, 0)
    click.echo(f"\nwhat it would open, from {rfc3339(rehearsal.first_ms or 0)} to {rfc3339(now_ms)}:")
    terminal = console()
    if findings:
        # These are in no Kafka: `synchealth explain` would not know them.
        more = "with --explain: who is involved and what to do"
        show(terminal, findings_table(findings, now_ms=now_ms, limit=200, width=terminal.width, more=more))
        titles = {each.detection.id: each.detection.title for each in all_detections()}
        for finding in [each for each in findings if explain and each.state is FindingState.OPEN]:
            terminal.width = min(terminal.width, _PAGE_WIDTH)
            page = ExplainedFinding(finding=finding, history=[finding], facts=[], facts_are_all=True)
            show(terminal, finding_page(page, title=titles.get(finding.detection, finding.detection), now_ms=now_ms))
    else:
        click.echo("no findings")
    click.echo(f"\n{NOT_KNOWN}")
