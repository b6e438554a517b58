"""`synchealth deadletters`: what could not be used and why, and another try after the cause is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from producers.publisher import KafkaPublisher
from sinks.consumer import TopicReader, read_at, read_to_end
from sinks.runner import entry_of
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.topics import DEADLETTERS
from streams.runtime.clock import rfc3339
from streams.runtime.logs import configure_logs
from streams.runtime.settings import KafkaSettings, load_settings

_PATIENCE_S = 15.0
Command = Callable[..., Any]


def _options(command: Command) -> Command:
    """What both commands share."""
    for option in (
        click.option("--stage", help="Only what gave up here: source, project, evaluate, sink."),
        click.option("--reason", help="Only this reason, e.g. wrong_shape."),
        click.option("--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The TOML file."),
    ):
        command = option(command)
    return command


@click.group()
def deadletters() -> None:
    """Records that could not be used: list them, or send them again."""


@deadletters.command(name="list")
@_options
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The latest so many.")
@click.option("--json", "as_json", is_flag=True, help="One dead letter per line, whole.")
def list_(config: Path, reason: str | None, stage: str | None, limit: int, as_json: bool) -> None:
    """Show the latest dead letters, the newest last."""
    configure_logs("error")
    found = list(_read(load_settings(config).kafka, reason, stage))[-limit:]
    if as_json:
        for letter in found:
            click.echo(encode(letter))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("when", "stage", "reason", "where it stood", "key", "what was wrong"):
        table.add_column(name, overflow="fold")
    for letter in found:
        where = f"{letter.topic}/{letter.partition}@{letter.offset}" if letter.topic else "never in Kafka"
        table.add_row(rfc3339(letter.ts_ms), letter.stage, letter.reason, where, letter.key or "", letter.error)
    Console().print(table if found else "no dead letters")


@deadletters.command()
@_options
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
def redrive(config: Path, reason: str | None, stage: str | None, dry_run: bool) -> None:
    """Send the records behind dead letters again, to where they stood.

    The whole record is sent: what was good in it does no harm, being older than what followed. What a source could
    not map was never in Kafka; the source reads it again in its next full pass.
    """
    configure_logs("error")
    kafka = load_settings(config).kafka
    letters = list(_read(kafka, reason, stage))
    places = {
        (letter.topic, letter.partition, letter.offset)
        for letter in letters
        if letter.topic is not None and letter.partition is not None and letter.offset is not None
    }
    publisher = KafkaPublisher(kafka, "synchealth-redrive")
    sent = 0
    try:
        for record in read_at(kafka, places):
            if record.value is not None:
                sent += 1
                if not dry_run:
                    publisher.publish_again(record.meta.topic, record.meta.partition, record.key, record.value)
        publisher.flush()
    finally:
        publisher.close()
    click.echo(
        f"{len(letters)} dead letter(s) of {len(places)} record(s): {sent} {'would be ' if dry_run else ''}sent again, "
        f"{len(places) - sent} no longer kept by Kafka"
    )


def _read(kafka: KafkaSettings, reason: str | None, stage: str | None) -> Iterator[DeadLetter]:
    """The dead letters, oldest first. Raises RetriableError where Kafka or the topic cannot be read."""
    reader = TopicReader(kafka, [DEADLETTERS])
    try:
        for record in read_to_end(reader, within_s=_PATIENCE_S):
            entry = entry_of(record)
            if isinstance(entry, DeadLetter) and reason in (None, entry.reason) and stage in (None, entry.stage):
                yield entry
    finally:
        reader.close()
