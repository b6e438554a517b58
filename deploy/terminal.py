"""How commands that read Kafka ask and answer: where Kafka is, a console, a sign of life, pages for pipes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console, RenderableType

from streams.contracts.errors import SyncHealthError
from streams.runtime.logs import configure_logs
from streams.runtime.settings import Settings, load_settings

_PIPE_WIDTH = 200


def where_kafka_is(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two ways to say which installation is meant, as options of a command."""
    command = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The installation's configuration; its [kafka] section is used.",
    )(command)
    return click.option("--kafka", metavar="HOST:PORT", help="Kafka's address, instead of a configuration.")(command)


def installation(config: Path | None, kafka: str | None) -> Settings:
    """The settings that the two options mean; logs are kept off the terminal.

    Raises click.UsageError for both options together, click.ClickException for a faulty configuration.
    """
    configure_logs("error")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it means is said in our own words
    if config is not None and kafka is not None:
        raise click.UsageError("--config and --kafka exclude each other")
    try:
        settings = load_settings(config)
    except SyncHealthError as error:
        raise click.ClickException(str(error)) from error
    if kafka is None:
        return settings
    servers = {"bootstrap_servers": kafka.split(",")}
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update=servers)})


def console() -> Console:
    """The terminal, or a wide page for a pipe."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_PIPE_WIDTH)


def reading() -> AbstractContextManager[object]:
    """Says that it is at work, on a terminal: a large topic takes seconds."""
    return Console(stderr=True).status("reading Kafka …") if sys.stderr.isatty() else nullcontext()


def show(terminal: Console, page: RenderableType) -> None:
    """Print a page; in a pipe without the blanks that fill its lines."""
    if terminal.is_terminal:
        terminal.print(page)
        return
    with terminal.capture() as capture:
        terminal.print(page)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
