"""How commands ask and answer: where Kafka is, a console, a sign of life, pages for pipes.

Whatever a command prints goes through here, because names in directories are a stranger's words.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from sinks.freshness import Freshness
from streams.contracts.codec import encode
from streams.contracts.errors import SettingsError, SyncHealthError
from streams.runtime.kafka_ping import require_answer
from streams.runtime.logs import configure_logs
from streams.runtime.printable import printable, printable_json, printable_lines
from streams.runtime.settings import ENVIRONMENT_PREFIX, Settings, load_settings
from streams.runtime.settings_files import require_files
from streams.runtime.settings_path import find_settings

_PIPE_WIDTH = 200


class SafeConsole(Console):
    """A console that takes no markup, and lets no control character of what it is given out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def print(self, *objects: Any, **options: Any) -> None:
        """A plain text is one line: a page with lines of its own is a Text or another renderable."""
        super().print(*(printable(each) if isinstance(each, str) else each for each in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Rich's own control segments (cursor, screen) stay; the text of all others is made printable."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable_lines(segment.text), segment.style)


def print_line(text: str, *, err: bool = False) -> None:
    """Print a line of plain text."""
    click.echo(printable(text), err=err)


class SettingsFault(click.ClickException):
    """The configuration, or the Kafka that it names, is not as it must be: exit 2."""

    exit_code = 2


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--config, or the settings file that is found without it."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The settings file. Default: SYNCHEALTH_CONFIG, ./settings.toml, /etc/synchealth/settings.toml.",
    )(command)


def where_kafka_is(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two ways to say which installation is meant, as options of a command."""
    command = config_option(command)
    help_text = "Kafka's address, instead of a configuration; TLS and SASL by SYNCHEALTH_KAFKA__… of the environment."
    return click.option("--kafka", metavar="HOST:PORT", help=help_text)(command)


def installation(config: Path | None, kafka: str | None = None) -> Settings:
    """The settings that the two options mean, once their Kafka has answered; logs are kept off the terminal.

    Raises click.UsageError for both options together, SettingsFault for a faulty configuration or a Kafka that does
    not answer.
    """
    configure_logs("error")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it means is said in our own words
    if config is not None and kafka is not None:
        raise click.UsageError("--config and --kafka exclude each other")
    try:
        settings = load_settings(find_settings(config)) if kafka is None else settings_of_kafka(kafka)
        require_files(settings, sources=())
        require_answer(settings.kafka)
    except SettingsError as error:
        raise SettingsFault(faults_of(error)) from error
    except SyncHealthError as error:
        raise SettingsFault(str(error)) from error
    return settings


def settings_of_kafka(address: str) -> Settings:
    """Settings of a Kafka alone; TLS and SASL by SYNCHEALTH_KAFKA__SECURITY_PROTOCOL and its like.

    Raises SettingsError.
    """
    prefix = f"{ENVIRONMENT_PREFIX}KAFKA__"
    named = {name: value for name, value in os.environ.items() if name.startswith(prefix)}
    return load_settings(None, {**named, f"{prefix}BOOTSTRAP_SERVERS": address})


def faults_of(error: SettingsError) -> str:
    """What is wrong with the configuration, and with which file."""
    where = f" {printable(str(error.file))}" if error.file else ""
    faults = "\n".join(f"- {printable(fault)}" for fault in error.faults)
    return f"the configuration{where} has {len(error.faults)} fault(s):\n{faults}"


def print_freshness(fresh: Freshness, terminal: Console | None = None) -> None:
    """Print how fresh the answer is that follows; without a terminal on stderr, where machines do not read."""
    if terminal is not None:
        show(terminal, headline(fresh))
    else:
        click.echo(printable_lines(headline(fresh).plain), err=True)


def headline(fresh: Freshness) -> Text:
    """What stands above every answer."""
    text = Text()
    for place, source in enumerate(fresh.sources):
        text.append(", " if place else "read: ", style="dim")
        fault = source.fault(fresh.at_ms)
        text.append(f"{source.name} {fresh.ago(source)}", style="yellow" if fault else "dim")
    text.append(" · " if fresh.sources else "", style="dim")
    text.append(fresh.lag_text(), style="yellow" if fresh.lag_faults() else "dim")
    for fault in fresh.faults:
        text.append(f"\nnot everything is known: {fault}", style="bold yellow")
    return text


def console() -> Console:
    """The terminal, or a wide page for a pipe."""
    return SafeConsole() if sys.stdout.isatty() else SafeConsole(width=_PIPE_WIDTH)


class Output(NamedTuple):
    """In which form a command answers, if not as a page. raw: cells of the CSV as they are."""

    json: bool
    csv: bool
    raw: bool


def output_options(*, json: str, csv: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--json, --csv (with these help texts) and --csv-raw: the command gets one `output`. UsageError for two."""

    def options(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def chosen(*, as_json: bool, as_csv: bool, csv_raw: bool, **others: Any) -> Any:
            if as_json and (as_csv or csv_raw):
                raise click.UsageError("--json and --csv exclude each other")
            return command(output=Output(as_json, as_csv or csv_raw, csv_raw), **others)

        as_it_is = "CSV with every value as it is: for machines, never for a spreadsheet."
        chosen = click.option("--csv-raw", is_flag=True, help=as_it_is)(chosen)
        chosen = click.option("--csv", "as_csv", is_flag=True, help=csv)(chosen)
        return click.option("--json", "as_json", is_flag=True, help=json)(chosen)

    return options


@contextmanager
def answering() -> Iterator[None]:
    """Raises a SyncHealthError from within as click.ClickException: exit 1."""
    try:
        yield
    except SyncHealthError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def reading() -> Iterator[None]:
    """Says that it is at work, on a terminal: a large topic takes seconds. Raises as `answering`."""
    status: AbstractContextManager[object] = nullcontext()
    if sys.stderr.isatty():
        status = SafeConsole(stderr=True).status("reading Kafka …")
    with answering(), status:
        yield


def show(terminal: Console, page: RenderableType) -> None:
    """Print a page; in a pipe without the blanks that fill its lines."""
    if terminal.is_terminal:
        terminal.print(page)
        return
    with terminal.capture() as capture:
        terminal.print(page)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def write_json(document: object) -> None:
    """One document per line, for machines; what a terminal would act on is escaped as JSON allows, in files, too."""
    try:
        text = encode(document).decode()
    except TypeError:  # a number beyond 64 bits, which only JSON itself allows
        text = json.dumps(msgspec.to_builtins(document))
    sys.stdout.buffer.write(printable_json(text).encode() + b"\n")
