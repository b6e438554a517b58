"""`synchealth deadletters`: what could not be used and why, and another try after the cause is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from deploy.cli.filters import existing
from deploy.cli.terminal import config_option, console, installation, print_freshness, show, write_json
from producers.publisher import KafkaPublisher
from sinks.freshness_source import WORKED_OFF, read_freshness
from streams.contracts.deadletter import DeadLetter
from streams.contracts.entries import entry_of
from streams.contracts.errors import SyncHealthError
from streams.contracts.topics import DEADLETTERS
from streams.runtime.clock import rfc3339
from streams.runtime.printable import printable
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import TopicReader, read_at

_STAGES = ("source", "project", "evaluate", "sink")  # streams.contracts.deadletter
Command = Callable[..., Any]


def _options(command: Command) -> Command:
    """What both commands share."""
    for option in (
        click.option("--stage", type=click.Choice(_STAGES), help="Only what gave up here."),
        click.option("--reason", help="Only this reason, e.g. wrong_shape."),
        config_option,
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
def list_(config: Path | None, reason: str | None, stage: str | None, limit: int, as_json: bool) -> None:
    """Show the latest dead letters, the newest last."""
    settings = installation(config)
    try:
        found = _chosen(settings.kafka, reason, stage)[-limit:]
        fresh = read_freshness(settings)
    except SyncHealthError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        if not found and fresh.faults:
            print_freshness(fresh)  # no line carries it
        for letter in found:
            write_json({**msgspec.to_builtins(letter), "freshness": fresh.document()})
        return
    terminal = console()
    print_freshness(fresh, terminal)
    table = Table(box=None, pad_edge=False)
    for name in ("when", "stage", "reason", "where it stood", "key", "what was wrong"):
        table.add_column(name, overflow="fold")
    for letter in found:
        where = f"{letter.topic}/{letter.partition}@{letter.offset}" if letter.topic else "never in Kafka"
        wrong = f"{letter.error}\n{letter.shape}" if letter.shape else letter.error
        words = (letter.stage, letter.reason, where, letter.key or "", wrong)
        table.add_row(rfc3339(letter.ts_ms), *map(printable, words))
    show(terminal, table if found else "no dead letters")


@deadletters.command()
@_options
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
def redrive(config: Path | None, reason: str | None, stage: str | None, dry_run: bool) -> None:
    """Send the records behind dead letters again, to where they stood.

    They are read from the topics where they stood, for as long as these keep them; the letters themselves hold no
    documents unless [dead_letters] keep_documents is set. The whole record is sent: what was good in it does no harm,
    being older than what followed. What a source could not map was never in Kafka; the source reads it again in its
    next full pass.
    """
    kafka = installation(config).kafka
    letters = _chosen(kafka, reason, stage)
    places = {place for letter in letters if (place := place_of_record(letter)) is not None}
    publisher = KafkaPublisher(kafka, "synchealth-redrive")
    sent = 0
    try:
        with contextlib.closing(read_at(kafka, places)) as records:
            for record in records:
                if record.value is not None:
                    sent += 1
                    if not dry_run:
                        publisher.publish_again(*record.place, record.key, record.value)
        publisher.flush()
    finally:
        publisher.close()
    click.echo(
        f"{len(letters)} dead letter(s) of {len(places)} record(s): {sent} {'would be ' if dry_run else ''}sent again, "
        f"{len(places) - sent} no longer kept by Kafka"
    )


def place_of_record(letter: DeadLetter) -> tuple[str, int, int] | None:
    """Where the record stood that may be sent again.

    Letters are anybody's who may write to their topic: an older finding or position that is sent again would win over
    what followed it, so only what workers work off counts, where numbers decide.
    """
    topic, partition, offset = letter.topic, letter.partition, letter.offset
    if topic is None or partition is None or offset is None or topic not in {each.name for each in WORKED_OFF}:
        return None
    return (topic, partition, offset) if 0 <= partition < 2**31 and 0 <= offset < 2**63 else None


def _chosen(kafka: KafkaSettings, reason: str | None, stage: str | None) -> list[DeadLetter]:
    """The dead letters that are asked for. Raises click.UsageError for a reason that none has, RetriableError."""
    letters = _read(kafka)
    if letters:
        existing("--reason", reason, {letter.reason for letter in letters})
    return [letter for letter in letters if reason in (None, letter.reason) and stage in (None, letter.stage)]


def _read(kafka: KafkaSettings) -> list[DeadLetter]:
    """The dead letters, oldest first. Raises RetriableError where Kafka or the topic cannot be read."""
    with TopicReader(kafka, [DEADLETTERS]) as reader:
        entries = (entry_of(record.place.topic, record.key, record.value) for record in reader.to_end())
        return [entry for entry in entries if isinstance(entry, DeadLetter)]
