"""The command: every line as it is known, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from deploy.cli.check.channels import check_channels
from deploy.cli.check.eventlog import eventlog_lines
from deploy.cli.check.forest import check_forest
from deploy.cli.check.kafka import check_kafka, check_rights, check_secrets
from deploy.cli.check.line import Line, Mark, fault, gap, good
from deploy.cli.check.listeners import check_listeners
from deploy.cli.check.pipeline import check_pipeline
from deploy.cli.check.prometheus import check_prometheus
from deploy.cli.check.tenant import check_tenant
from deploy.cli.terminal import SafeConsole, config_option, write_json
from producers import acls
from producers.refusing import STUMBLES
from streams.reference_data import tables
from streams.runtime.clock import now_ms
from streams.runtime.logs import configure_logs
from streams.runtime.printable import printable
from streams.runtime.settings import EventLogSettings, Settings, load_settings
from streams.runtime.settings_path import find_settings

_RUNNING: tuple[acls.Role, ...] = ("producer", "worker", "exporter", "reader")
_SIGN = {Mark.GOOD: ("✓", "green"), Mark.GAP: ("!", "yellow"), Mark.FAULT: ("✗", "bold red")}


@click.command()
@config_option
@click.option("--prometheus", metavar="URL", help="Whether this Prometheus watches us; default: [prometheus] url.")
@click.option(
    "--role", "roles", type=click.Choice(acls.ROLES), multiple=True,
    help="Whose rights in Kafka the user of [kafka] must have; several times. Unset: all that `up` runs.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per check.")
def check(config: Path | None, prometheus: str | None, roles: tuple[acls.Role, ...], as_json: bool) -> None:
    """Before the first start: is everything reachable, and may we read it?

    Looks at the configuration, Kafka and its topics, every domain controller with our rights there, every Graph
    permission by the request that needs it, the topics where others leave events, and the clocks. Exit 1 if anything
    is a fault; a gap is not one.
    """
    configure_logs("error")
    config = find_settings(config)
    settings = load_settings(config)
    faults = gaps = 0
    console = SafeConsole()
    for line in lines(settings, config, prometheus or settings.prometheus.url, roles or _RUNNING):
        faults += line.mark is Mark.FAULT
        gaps += line.mark is Mark.GAP
        if as_json:
            write_json(asdict(line))
        else:
            _print(console, line)
    if not as_json:
        ready = "everything is ready" + (f", with {gaps} gap(s): see the lines marked !" if gaps else "")
        console.print(ready if not faults else f"{faults} fault(s): see the lines marked ✗")
    sys.exit(1 if faults else 0)


def lines(
    settings: Settings,
    config: Path | None,
    prometheus: str = "",
    roles: Sequence[acls.Role] = _RUNNING,
    *,
    directories: bool = True,
) -> Iterator[Line]:
    """Every line, as it becomes known. directories: ask domain controllers and Graph, too, which needs the secrets."""
    yield good("configuration", f"{config or 'the environment'} is valid")
    yield check_tables(now_ms())
    if not settings.forest or not settings.tenant:
        yield fault(
            "configuration", "there is no [[forest]] or no [[tenant]]", "add them: deploy/settings.example.toml"
        )
    if directories:
        yield from check_secrets(settings)
    yield from check_listeners(settings)
    if directories:
        yield from check_channels(settings)
    yield from check_kafka(settings.kafka)
    yield from check_rights(settings, roles)
    if directories:
        yield from _directories(settings)
    for table in settings.eventlog:
        yield from _of_any_shape(table.name, _eventlog(table, settings))
    yield from check_pipeline(settings)
    if prometheus:
        yield from check_prometheus(prometheus, settings)


def _directories(settings: Settings) -> Iterator[Line]:
    for forest in settings.forest:
        yield from _of_any_shape(forest.name, check_forest(forest, settings.added_attributes(forest)))
    for tenant in settings.tenant:
        forests = [forest for forest in settings.forest if tenant.id in forest.tenants]
        yield from _of_any_shape(tenant.id, check_tenant(tenant, forests))


def _eventlog(table: EventLogSettings, settings: Settings) -> Iterator[Line]:
    yield from eventlog_lines(table, settings.kafka)


def _of_any_shape(area: str, lines: Iterator[Line]) -> Iterator[Line]:
    """The lines, and one more where an answer is none that we know: whoever lies to `check` does not end it."""
    try:
        yield from lines
    except STUMBLES as error:
        yield fault(area, f"an answer has an unknown shape ({type(error).__name__})", "see who answers there")


def check_tables(at_ms: int) -> Line:
    """Whether what we know of versions, dates and codes is fresh enough to be judged by."""
    outdated = tables.warning(at_ms)
    if outdated:
        return gap("reference tables", outdated, "upgrade SyncHealth")
    oldest = min(tables.AS_OF.values()).isoformat()
    return good("reference tables", f"versions, dates and codes are as of {oldest} or later")


def _print(console: SafeConsole, line: Line) -> None:
    sign, style = _SIGN[line.mark]
    text = Text.assemble((f"{sign} ", style), (f"{printable(line.area)}: ", "bold"), printable(line.what))
    if line.advice:
        text.append(f"\n    → {printable(line.advice)}", style="cyan")
    console.print(text, soft_wrap=True)
