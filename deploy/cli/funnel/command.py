"""`synchealth funnel`: how far the computers are on their way to hybrid join."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from deploy.cli.filters import existing_tenant
from deploy.cli.funnel.funnel import GROUPS, ComputerStanding, funnel_table, funnels, standing_of, write_csv
from deploy.cli.terminal import (
    Output,
    console,
    installation,
    output_options,
    print_freshness,
    reading,
    show,
    where_kafka_is,
    write_json,
)
from producers.refusing import STUMBLES
from sinks.freshness import EXIT_BLIND
from sinks.freshness_source import read_freshness
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.topics import VIEW_STATES
from streams.contracts.view_keys import ViewKind
from streams.detections.detection import Thresholds
from streams.evaluation.view_row import ViewRow
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import TopicReader
from streams.views.device.device_view import DeviceView

_PREFIX = f"{ViewKind.DEVICE}/".encode()


@click.command()
@click.option("--by", type=click.Choice(sorted(GROUPS)), default="forest", show_default=True, help="One line for each.")
@click.option("--tenant", help="Only this tenant; the start of its id is enough.")
@output_options(json="One group per line.", csv="For a spreadsheet.")
@where_kafka_is
def funnel(by: str, tenant: str | None, output: Output, config: Path | None, kafka: str | None) -> None:
    """Count computers by stage of hybrid join; those that need not join are counted apart.

    The worker's own view of each computer is read from Kafka, so that the numbers are those of the dashboard.
    Exit 3: no computer is known, and not everything has been read.
    """
    settings = installation(config, kafka)
    with reading():
        fresh = read_freshness(settings)
        standings = read_standings(settings.kafka, Thresholds.of(settings.detections), now_ms())
    existing_tenant(settings, tenant, {standing.tenant for standing in standings})
    groups = funnels((each for each in standings if tenant is None or each.tenant.startswith(tenant)), by)
    if output.csv:
        print_freshness(fresh)
        write_csv(groups, by, sys.stdout, raw=output.raw)
    elif output.json:
        if not groups and fresh.faults:
            print_freshness(fresh)  # no line carries it
        for name, found in groups.items():
            write_json({by: name, **found.document(), "freshness": fresh.document()})
    else:
        terminal = console()
        print_freshness(fresh, terminal)
        show(terminal, funnel_table(groups, by))
    if not groups and fresh.faults:
        sys.exit(EXIT_BLIND)


def read_standings(kafka: KafkaSettings, thresholds: Thresholds, at_ms: int) -> list[ComputerStanding]:
    """Where every computer stands, from the changelog of the workers' views.

    Raises RetriableError where Kafka or the topic cannot be read. A row that this version cannot read is left out.
    """
    found: dict[bytes, ComputerStanding] = {}
    with TopicReader(kafka, [VIEW_STATES]) as reader:
        for record in reader.to_end():
            if record.key is None or not record.key.startswith(_PREFIX):
                continue
            standing = _standing(record.key.decode(errors="replace"), record.value, thresholds, at_ms)
            if standing is None:
                found.pop(record.key, None)
            else:
                found[record.key] = standing
    return list(found.values())


def _standing(key: str, row: bytes | None, thresholds: Thresholds, at_ms: int) -> ComputerStanding | None:
    if row is None:
        return None
    try:
        view = decode(row, ViewRow).view(key)
        return standing_of(view, thresholds, at_ms) if isinstance(view, DeviceView) else None
    except (InvalidRecordError, *STUMBLES):
        return None
