"""The report of a week, from a history of two."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from deploy.broker.process import free_port
from deploy.cli.main import cli
from deploy.lab.certificates import issue
from sinks.history.database import open_database
from sinks.history.sink import HistorySink
from sinks.notify.weekly import Weekly, weekly
from sinks.sink import Meta
from streams.contracts.finding import Finding, FindingState, Severity, Subject
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.contracts.topics import FINDINGS
from streams.runtime.topic_reader import ReaderProgress
from tests.integration.notify.test_email import relay
from tests.support.findings import finding
from tests.support.notify import DESK, HOSTILE

MONDAY = parse_rfc3339("2026-11-23T00:00:00Z")
DAY = 86_400_000
QUOTA = "capacity.directory_quota"


def life(number: int, opened_ms: int, resolved_ms: int | None = None, **changes: object) -> Iterator[Finding]:
    record = finding(number, at_ms=opened_ms, **changes)
    yield record
    if resolved_ms is not None:
        at = rfc3339(resolved_ms)
        yield msgspec.structs.replace(record, state=FindingState.RESOLVED, revision=2, updated_at=at, resolved_at=at)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the week before: three, of which one was resolved in it and one later. Of the week: two, and a quota."""
    folder = tmp_path_factory.mktemp("history")
    engine = open_database("", folder)
    sink = HistorySink(engine)
    hostile = Subject(kind="user", key="user/x", display_name=HOSTILE)
    records = [
        *life(1, MONDAY - 6 * DAY, MONDAY - 5 * DAY), *life(2, MONDAY - 5 * DAY, MONDAY + DAY),
        *life(3, MONDAY - DAY), *life(4, MONDAY + DAY),
        *life(5, MONDAY + 2 * DAY, severity=Severity.CRITICAL, subject=hostile, summary=HOSTILE),
        *life(6, MONDAY - 30 * DAY, detection=QUOTA, family="capacity", id="0" * 16, summary="91 % of the quota"),
        *life(7, MONDAY + 8 * DAY, id="1" * 16),
    ]  # fmt: skip
    for place, record in enumerate(records):
        sink.add(record, Meta(FINDINGS.name, 0, place, MONDAY, live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    engine.dispose()
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> Weekly:
    engine = open_database("", folder)
    titles = {"conflict.duplicate_address": "Two objects, one address", QUOTA: "Quota"}
    found = weekly(engine, MONDAY, titles=titles, runs_out=[QUOTA], installation="synchealth", desk=DESK)
    engine.dispose()
    return found


def test_the_numbers_of_a_week_and_of_the_one_before(report: Weekly) -> None:
    [addresses] = [each for each in report.lines if each.detection == "conflict.duplicate_address"]

    assert (addresses.opened, addresses.opened_before) == (2, 3)
    assert (addresses.resolved, addresses.resolved_before) == (1, 1)
    assert (addresses.standing, addresses.standing_before) == (3, 2)
    assert [each.detection for each in report.growing] == ["conflict.duplicate_address"]
    assert [each.summary for each in report.runs_out] == ["91 % of the quota"]
    assert [each.severity for each in report.newest] == [Severity.CRITICAL, Severity.HIGH]
    assert report.subject == "[SyncHealth] synchealth, week of 2026-11-23: 2 opened, 1 resolved, 4 stand (+1)"


def test_no_name_is_markup_or_a_formula(report: Weekly) -> None:
    page = report.html()
    assert "<at>" not in page
    assert "<!channel>" not in page
    assert "\x1b" not in page + report.plain()
    assert f'<a href="{DESK}/f/' in page
    assert "&amp;amp;" not in page
    with zipfile.ZipFile(io.BytesIO(report.xlsx())) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/sheet" in name]
    assert len(sheets) == 2
    assert not any("<f>" in sheet for sheet in sheets)


def test_the_command_writes_and_mails_it(folder: Path, tmp_path: Path) -> None:
    certificates = issue(tmp_path / "tls", ["127.0.0.1"])
    with relay(certificates) as (mailbox, port):
        config = tmp_path / "settings.toml"
        config.write_text(
            f"""
            [kafka]
            bootstrap_servers = ["127.0.0.1:{free_port()}"]
            [streams]
            data_dir = "{folder}"
            [[channel]]
            name = "board"
            kind = "email"
            host = "127.0.0.1"
            port = {port}
            ca_file = "{certificates.ca_file}"
            username = "svc"
            password = "s3cret"
            sender = "synchealth@contoso.com"
            recipients = ["board@contoso.com"]
            """
        )
        options = ["report", "weekly", "--config", str(config), "--week", "2026-11-25"]
        files = ["--html", str(tmp_path / "week.html"), "--xlsx", str(tmp_path / "week.xlsx")]
        ended = CliRunner().invoke(cli, [*options, *files, "--send", "board"], catch_exceptions=False)
        wrong = CliRunner().invoke(cli, [*options, "--send", "bord"])
    [mail] = mailbox.mails

    assert ended.exit_code == 0
    assert "opened 2 (3)" in ended.output
    assert "week of 2026-11-23: 2 opened" in mail["Subject"]
    [sheet] = mail.iter_attachments()
    assert sheet.get_filename() == "synchealth-2026-11-23.xlsx"
    assert zipfile.is_zipfile(io.BytesIO(sheet.get_content()))
    assert zipfile.is_zipfile(tmp_path / "week.xlsx")
    assert "Not everything is known" in ended.output  # there is no Kafka to ask
    assert "Not everything is known" in mail.get_body(("plain",)).get_content()
    page = mail.get_body(("html",))
    assert page is not None
    assert "Grows" in page.get_content()
    assert "Grows" in (tmp_path / "week.html").read_text()
    assert wrong.exit_code == 2
    assert "there is board" in wrong.output


def test_a_report_that_is_not_named_is_an_error() -> None:
    ended = CliRunner().invoke(cli, ["report"])
    assert ended.exit_code == 2
    assert "--first-reading, or weekly" in ended.output
