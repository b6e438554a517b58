"""`synchealth ack|assign|comment|accept|reopen|ticket ID…`: doing something with findings, by the desk or on Kafka."""

from __future__ import annotations

import getpass
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from deploy.cli.desk.client import ask
from deploy.cli.findings.source import read_findings
from deploy.cli.terminal import answering, installation, print_line, reading, where_kafka_is
from sinks.actions.wanted import Wanted, deed_of
from sinks.actions.writer import ActionWriter
from sinks.desk.answers import Done, EpisodePage
from streams.contracts.actions import Action, Comment, LinkTicket
from streams.contracts.errors import SyncHealthError
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import parse_rfc3339
from streams.runtime.clock import now_ms
from streams.runtime.settings import DeskSettings, Settings, load_settings
from streams.runtime.settings_path import find_settings

_SHORTEST = 4


def _acting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument and the options that all of them share."""
    command = where_kafka_is(command)
    return click.argument("ids", nargs=-1, required=True, metavar="ID...")(command)


@click.command()
@_acting
def ack(ids: tuple[str, ...], config: Path | None, kafka: str | None) -> None:
    """Acknowledge findings: somebody has seen them, and they alert no more. ID: the beginning is enough."""
    _do(ids, config, kafka, do="acknowledge")


@click.command()
@_acting
@click.option("--to", "owner", required=True, help='Whose they are from now on; "" nobody\'s any more.')
def assign(ids: tuple[str, ...], config: Path | None, kafka: str | None, owner: str) -> None:
    """Give findings to somebody."""
    _do(ids, config, kafka, do="assign", owner=owner)


@click.command()
@_acting
@click.option("-m", "--message", "text", required=True, help="What you have to say.")
def comment(ids: tuple[str, ...], config: Path | None, kafka: str | None, text: str) -> None:
    """Write a note to findings."""
    _do(ids, config, kafka, do="comment", text=text)


@click.command()
@_acting
@click.option("--until", required=True, metavar="DATE", help="2027-03-31: for that whole day (UTC); a year at most.")
@click.option("--reason", required=True, help="Why they may stand until then.")
def accept(ids: tuple[str, ...], config: Path | None, kafka: str | None, until: str, reason: str) -> None:
    """Accept findings until a date; then, or when they open again, they need somebody like new ones."""
    _do(ids, config, kafka, do="accept", until=until, reason=reason)


@click.command()
@_acting
@click.option("--reason", default="", help="Why.")
def reopen(ids: tuple[str, ...], config: Path | None, kafka: str | None, reason: str) -> None:
    """End an acceptance: findings need somebody again, whoever acknowledged or had them."""
    _do(ids, config, kafka, do="reopen", reason=reason)


@click.command()
@_acting
@click.option("--system", required=True, help="Where the ticket is: ServiceNow, Jira, …")
@click.option("--key", required=True, help="INC0012345")
@click.option("--url", required=True, help="Its page: https://…")
def ticket(ids: tuple[str, ...], config: Path | None, kafka: str | None, system: str, key: str, url: str) -> None:
    """Link a ticket to findings."""
    _do(ids, config, kafka, do="link_ticket", system=system, key=key, url=url)


def _do(ids: Sequence[str], config: Path | None, kafka: str | None, **fields: str) -> None:
    with answering():
        wanted = Wanted(who=getpass.getuser(), **fields)
        deed_of(wanted, now_ms())  # what is wrong with it is told before anybody is asked
        short = [each for each in ids if len(each) < _SHORTEST]
        if short:
            raise SyncHealthError(f"{short[0]!r} is too short for an id: {_SHORTEST} characters at least")
        desk = load_settings(find_settings(config)).desk if kafka is None else DeskSettings()
        done = _through_desk(desk, ids, wanted) if desk.url else _on_kafka(installation(config, kafka), ids, wanted)
    for finding, summary in done:
        print_line(f"{finding}: {fields['do'].replace('_', ' ')}: {summary}")


def _through_desk(desk: DeskSettings, ids: Sequence[str], wanted: Wanted) -> list[tuple[str, str]]:
    token = desk.token.get_secret_value() if desk.token is not None else ""
    found = []
    for each in ids:
        page = ask(desk.url, f"/api/v1/findings?words={quote(each)}&limit=200", EpisodePage, token=token)
        found.append(_only(each, {one.finding: one.summary for one in page.episodes}))
    for finding, _ in found:
        ask(desk.url, f"/api/v1/findings/{quote(finding)}/actions", Done, body=wanted, token=token)
    return found


def _on_kafka(settings: Settings, ids: Sequence[str], wanted: Wanted) -> list[tuple[str, str]]:
    with reading():
        known = read_findings(settings.kafka).latest
    found = [_only(each, {one.id: one.summary for one in known.values()}) for each in ids]
    done = [_action(known[finding], wanted) for finding, _ in found]
    with closing(ActionWriter(settings.kafka)) as writer:
        writer.write(done)
    return found


def _action(finding: Finding, wanted: Wanted) -> Action:
    at_ms = now_ms()
    deed = deed_of(wanted, at_ms)
    if finding.state is FindingState.RESOLVED and not isinstance(deed, Comment | LinkTicket):
        raise SyncHealthError(f"finding {finding.id} is over: there is nothing to {wanted.do}")
    return Action(
        id=secrets.token_hex(16), finding=finding.id, opened_ms=parse_rfc3339(finding.stands_since), at_ms=at_ms,
        who=wanted.who, known_by="account", channel="command", address=socket.gethostname()[:256], what=deed,
    )  # fmt: skip


def _only(start: str, summaries: dict[str, str]) -> tuple[str, str]:
    """The one finding whose id begins like this. Raises SyncHealthError."""
    fitting = [(finding, summary) for finding, summary in summaries.items() if finding.startswith(start)]
    if len(fitting) != 1:
        what = "no finding has an id" if not fitting else f"{len(fitting)} findings have an id"
        raise SyncHealthError(f"{what} that starts with {start!r}: see `synchealth findings --all`")
    return fitting[0]
