"""`synchealth object`: one person, group or device in both directories, through the desk or from Kafka."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.cli.desk.client import ask
from deploy.cli.desk.present import presences
from deploy.cli.findings.source import read_findings
from deploy.cli.findings.table import findings_table, ordered
from deploy.cli.terminal import (
    answering,
    console,
    installation,
    print_freshness,
    print_line,
    reading,
    show,
    where_kafka_is,
    write_json,
)
from sinks.desk.answers import ObjectAnswer
from sinks.desk.presence import Presence
from sinks.freshness_source import read_freshness
from streams.contracts.finding import Finding
from streams.contracts.times import age, parse_rfc3339
from streams.runtime.clock import now_ms
from streams.runtime.printable import printable
from streams.runtime.settings import DeskSettings, Settings, load_settings
from streams.runtime.settings_path import find_settings

_MOST = 100


@click.command(name="object")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One document.")
@where_kafka_is
def object_command(name: str, config: Path | None, kafka: str | None, *, as_json: bool) -> None:
    """Show whoever goes by NAME in both directories: UPN, address, DN, GUID, Entra id, SID, anchor, account, device.

    Also where the last change stands on its way, and the findings. Asks the desk where [desk] url names one, Kafka
    otherwise. Exit 1: nobody goes by that name.
    """
    desk = DeskSettings() if kafka is not None else load_settings(find_settings(config)).desk
    if desk.url:
        token = desk.token.get_secret_value() if desk.token is not None else ""
        found = _through_desk(desk.url, name, token, as_json=as_json)
    else:
        found = _from_kafka(installation(config, kafka), name, as_json=as_json)
    if not found:
        print_line(f"nobody goes by {printable(name)} in the directories that are read", err=True)
        raise SystemExit(1)


def _through_desk(url: str, name: str, token: str, *, as_json: bool) -> list[Presence]:
    with answering():
        answer = ask(url, f"/api/v1/objects/{quote(name, safe='')}", ObjectAnswer, token=token)
    if as_json:
        write_json(answer)
        return answer.presences
    for fault in answer.faults:
        print_line(f"not everything is known: {fault}", err=True)
    show(console(), _page(answer.presences))
    for each in answer.episodes:
        since = age((now_ms() - parse_rfc3339(each.opened_at)) / 1000)
        print_line(f"{each.severity.value} {each.state.value} {each.finding[:8]} for {since}: {each.summary}")
    return answer.presences


def _from_kafka(settings: Settings, name: str, *, as_json: bool) -> list[Presence]:
    with reading():
        fresh = read_freshness(settings)
        found = presences(settings, name)
        findings = _findings(settings, found)
    if as_json:
        write_json({"presences": found, "findings": findings, "freshness": fresh.document()})
        return found
    terminal = console()
    print_freshness(fresh, terminal)
    show(terminal, _page(found))
    if findings:
        show(terminal, findings_table(findings, now_ms=now_ms(), limit=_MOST, width=terminal.width))
    return found


def _findings(settings: Settings, found: list[Presence]) -> list[Finding]:
    ids = {side.id for each in found for side in each.sides}
    return ordered([
        each
        for each in read_findings(settings.kafka).latest.values()
        if ids & {*(holder.id for holder in each.counterparts), each.subject.object_guid, each.subject.entra_id}
    ])


def _page(found: list[Presence]) -> RenderableType:
    parts: list[RenderableType] = []
    for one in found:
        parts += [Text(), Text(one.name, style="bold underline"), Text(f"{one.standing}; {'; '.join(one.next_export)}")]
        for each in one.waiting:
            parts.append(Text(f"  {each.attribute}: {each.wanted} (AD), {each.found} (Entra ID)", style="yellow"))
        for side in one.sides:
            head = f"{'Active Directory' if side.side == 'ad' else 'Entra ID'} {side.kind} {side.id}"
            life = "" if side.alive else ", deleted"
            parts.append(Text(f"{head}{life}, changed {side.changed_at[:19]}", style="cyan"))
            if side.outside:
                parts.append(Text(f"  not synchronised: {side.outside}", style="yellow"))
            table = Table.grid(padding=(0, 2))
            for attribute, value in side.attributes.items():
                table.add_row(Text(f"  {attribute}", style="dim"), Text(value))
            parts.append(table)
    return Group(*parts)
