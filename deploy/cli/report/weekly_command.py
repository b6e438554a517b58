"""`synchealth report weekly`: the week that was, from the history, as a page, a spreadsheet, and by mail."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from deploy.cli.terminal import answering, config_option
from sinks.desk.trends import WEEK_MS
from sinks.freshness_source import read_freshness
from sinks.history.database import open_database
from sinks.history.queries import monday_of
from sinks.notify.channels.email import Attachment, Email
from sinks.notify.channels.registry import channels_of
from sinks.notify.weekly import weekly
from streams.contracts.errors import FatalError, RetriableError
from streams.detections.registry import all_detections
from streams.runtime.clock import now_ms
from streams.runtime.logs import configure_logs
from streams.runtime.settings import Settings, load_settings

_XLSX = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@click.command(name="weekly")
@click.option("--week", metavar="YYYY-MM-DD", help="A day of the week (UTC). Default: the last whole week.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the page into this file.")
@click.option("--xlsx", type=click.Path(path_type=Path, dir_okay=False), help="Write the spreadsheet into this file.")
@click.option("--send", metavar="CHANNEL", help="Mail both by this [[channel]] of kind email.")
@config_option
def weekly_report(
    week: str | None, html: Path | None, xlsx: Path | None, send: str | None, config: Path | None
) -> None:
    """What opened, what was repaired, what grows and what runs out, compared with the week before."""
    monday_ms = _monday(week)
    with answering():
        settings = load_settings(config)
        configure_logs("error")
        channel = _email(settings, send) if send is not None else None
        url = settings.history.url
        engine = open_database(url.get_secret_value() if url is not None else "", settings.streams.data_dir)
        known = [each.detection for each in all_detections()]
        try:
            report = weekly(
                engine, monday_ms, titles={one.id: one.title for one in known},
                runs_out=[one.id for one in known if one.id.startswith("capacity.") or "expiring" in one.id],
                installation=settings.installation.name, desk=settings.desk.address,
                note=_note(settings),
            )  # fmt: skip
        finally:
            engine.dispose()
        if html is not None:
            html.write_text(report.html(), "utf-8")
        if xlsx is not None:
            xlsx.write_bytes(report.xlsx())
        if channel is not None:
            sheet = Attachment(f"synchealth-{report.week}.xlsx", "application", _XLSX, report.xlsx())
            key = f"weekly-{settings.installation.name}-{report.week}"
            channel.send_page(report.subject, report.plain(), report.html(), key=key, attached=sheet)
    click.echo(report.plain())


def _monday(week: str | None) -> int:
    if week is None:
        return monday_of(now_ms()) - WEEK_MS
    try:
        day = date.fromisoformat(week)
    except ValueError:
        raise click.UsageError(f"--week {week!r} is no date, as in 2026-11-30") from None
    return monday_of(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000))


def _note(settings: Settings) -> str:
    """Why the numbers may not be all: whoever is blind now was so, in part, in the week."""
    try:
        faults = read_freshness(settings).faults
    except (RetriableError, FatalError):
        faults = ["how fresh the findings are cannot be read from Kafka"]
    return f"Not everything is known: {'; '.join(faults)}." if faults else ""


def _email(settings: Settings, name: str) -> Email:
    tables = [table for table in settings.channel if table.name == name]
    for channel in channels_of(tables, settings.installation.name, "").values():
        if isinstance(channel, Email):
            return channel
    known = sorted(table.name for table in settings.channel if table.kind == "email")
    raise click.UsageError(f"--send {name!r} is no [[channel]] of kind email; there is {', '.join(known) or 'none'}")
