"""The history answers alike from SQLite and from PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from sinks.history import actions, queries
from sinks.history.daily import days, note_days
from sinks.history.database import open_database
from sinks.history.queries import FindingsQuery
from sinks.history.retention import FORGOTTEN, expire, forget
from sinks.history.schema import METADATA
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.actions import Accept, Acknowledge, Action, Assign, Comment, Deed
from streams.contracts.errors import InvalidRecordError, RetriableError, SettingsError
from streams.contracts.finding import Finding, FindingState, Holder, Severity, Subject
from streams.contracts.times import rfc3339
from streams.contracts.topics import ACTIONS, FINDINGS
from streams.runtime.topic_reader import ReaderProgress
from tests.support.actions import action
from tests.support.findings import finding
from tests.support.postgresql import postgresql

MONDAY = 1_789_948_800_000  # 2026-09-21
DAY = 86_400_000
HERE = ReaderProgress(caught_up=True, in_contact=True, behind=0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Thirty findings, half of them over; the first opened three times."""
    if request.param == "sqlite":
        engine = filled(open_database("", tmp_path_factory.mktemp("history")))
        yield engine
        engine.dispose()
    else:
        with postgresql() as url:
            engine = filled(open_database(url, Path()))
            yield engine
            engine.dispose()


def filled(engine: Engine) -> Engine:
    sink = HistorySink(engine)
    records = [one for number in range(30) for one in life(number)]
    for at, record in enumerate(records + records[:7]):
        sink.add(record, Meta(FINDINGS.name, 0, at, MONDAY, live=True))
    for at, one in enumerate(DONE):
        sink.add(one, Meta(ACTIONS.name, 0, at, MONDAY + 1000 * DAY, live=True))
    sink.flush(HERE)
    return engine


def on(number: int, what: Deed, name: str) -> Action:
    opened_ms = MONDAY + number * DAY
    return action(what, number, id=f"action-{name}", opened_ms=opened_ms, at_ms=opened_ms + 1)


DONE = [
    on(1, Acknowledge(), "one"), on(2, Assign(owner="bob"), "two"), on(3, Comment(text="x"), "three"),
    on(4, Accept(until_ms=MONDAY + 100 * 365 * DAY, reason="merger"), "four"),
    on(5, Accept(until_ms=MONDAY + 6 * DAY, reason="for a day"), "five"), on(2, Comment(text="y"), "six"),
    on(2, Assign(owner="eve"), "two"), on(99, Acknowledge(), "of-what-nobody-knows"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "names"),
    [
        (FindingsQuery(attention=("acknowledged",)), [1]),
        (FindingsQuery(attention=("assigned",)), [2]),
        (FindingsQuery(owner=("eve",)), [2]),
        (FindingsQuery(owner=("bob",)), []),
        (FindingsQuery(attention=("accepted",)), [4]),
        (FindingsQuery(attention=("acknowledged", "accepted")), [1, 4]),
    ],
)
def test_findings_are_asked_for_by_who_looks_after_them(
    engine: Engine, question: FindingsQuery, names: list[int]
) -> None:
    with engine.connect() as connection:
        found = queries.page(connection, question).episodes
        assert sorted(row["finding"] for row in found) == sorted(finding(number).id for number in names)
        assert queries.count(connection, FindingsQuery(attention=("unattended",))) == 32 - 3
        by = dict(queries.counts(connection, FindingsQuery(state=("open",)), "attention"))
        assert (by["acknowledged"], by["assigned"], by["accepted"]) == (1, 1, 1)
        assert ("eve", 1) in queries.counts(connection, FindingsQuery(), "owner")
        assert sum(number for *_, number in queries.weeks(connection, FindingsQuery(), by="attention")) == 32


def test_the_audit_tells_the_latest_first_and_each_once(engine: Engine) -> None:
    with engine.connect() as connection:
        told = actions.audit(connection, before=None, limit=3)
        assert [one.id for _, one in told] == ["action-of-what-nobody-knows", "action-two", "action-six"]
        rest = actions.audit(connection, before=told[-1][0], limit=99)
        assert [one.id for _, one in rest] == ["action-five", "action-four", "action-three", "action-one"]
        assert actions.audit(connection, before=None, limit=9, who="nobody") == []
        assert actions.has(connection, finding(1).id, "action-one")
        assert not actions.has(connection, finding(1).id, "action-two")
        assert actions.expired(connection, MONDAY + 200 * DAY) == [(finding(99).id, "action-of-what-nobody-knows")]
        assert actions.expired(connection, MONDAY) == []


def life(number: int) -> Iterator[Finding]:
    for opening in range(3 if number == 0 else 1):
        opened = MONDAY + number * DAY + opening * 1000
        record = msgspec.structs.replace(
            finding(number),
            family=("conflict", "hygiene")[number % 2],
            severity=(Severity.HIGH, Severity.LOW, Severity.CRITICAL)[number % 3],
            state=FindingState.OPEN,
            forest=finding(number).forest if number % 5 else None,
            subject=Subject(
                kind="user",
                key=f"user/{number}",
                display_name=f"Jörg Nr {number}",
                distinguished_name=f"CN=Jörg {number},OU=Sales {number % 2},DC=corp,DC=contoso,DC=com",
                user_principal_name=f"joerg.{number}@contoso.com",
                object_guid=f"00000000-0000-0000-0000-{number:012d}",
            ),
            counterparts=[Holder(side="entra", kind="user", id=f"e{number}", display_name=r"50% of a\b_c")],
            revision=2 * opening + 1, opened_at=rfc3339(opened), observed_at=rfc3339(opened),
            updated_at=rfc3339(opened),
        )  # fmt: skip
        yield record
        if number >= 15 or (number == 0 and opening < 2):
            ended = rfc3339(opened + 500)
            yield msgspec.structs.replace(
                record, state=FindingState.RESOLVED, revision=record.revision + 1, resolved_at=ended, updated_at=ended
            )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("joerg.7@contoso.com", 1),
        ("JÖRG", 32),
        ("jörg nr", 32),
        ("corp", 32),
        ("e12", 1),
        ("00000000-0000-0000-0000-000000000029", 1),
        ("örg", 0),
        ('"; DROP TABLE names; --', 0),
        ("nobody", 0),
    ],
)
def test_everybody_involved_is_found_by_the_beginning_of_a_word(engine: Engine, words: str, found: int) -> None:
    with engine.connect() as connection:
        assert queries.count(connection, FindingsQuery(words=words)) == found


def test_pages_tell_every_episode_once(engine: Engine) -> None:
    seen: list[int] = []
    cursor: str | None = None
    with engine.connect() as connection:
        while True:
            page = queries.page(connection, FindingsQuery(), cursor=cursor, limit=7)
            seen += [row["id"] for row in page.episodes]
            cursor = page.cursor
            if cursor is None:
                break
    assert len(seen) == len(set(seen)) == 32


@pytest.mark.parametrize("cursor", ["", "x", "1", "1-", "-1-2", "9" * 30 + "-1", f"1-{1 << 63}", "1-2; --", "²-³"])
def test_a_cursor_of_somebody_elses_is_an_error(engine: Engine, cursor: str) -> None:
    with engine.connect() as connection, pytest.raises(InvalidRecordError):
        queries.page(connection, FindingsQuery(), cursor=cursor)


def test_counts_weeks_and_who_comes_back(engine: Engine) -> None:
    with engine.connect() as connection:
        assert queries.counts(connection, FindingsQuery(state=("open",)), "severity") == [
            ("critical", 5), ("high", 5), ("low", 5),
        ]  # fmt: skip
        forests = dict(queries.counts(connection, FindingsQuery(), "forest"))
        assert None in forests
        for each in forests:
            asked = FindingsQuery(forest=(each or "none",))
            assert queries.count(connection, asked) == forests[each]
        assert queries.counts(connection, FindingsQuery(), "unit")[0] == ("OU=Sales 0,DC=corp,DC=contoso,DC=com", 17)
        assert queries.weeks(connection, FindingsQuery(family=("hygiene",)))[0] == (MONDAY, "hygiene", 3)
        assert sum(number for _, _, number in queries.weeks(connection, FindingsQuery(), of="resolved_ms")) == 17
        (row,) = queries.repeated(connection, FindingsQuery())
        assert (row["finding"], row["episodes"]) == (finding(0).id, 3)
        (newest, *_) = queries.episodes_of(connection, finding(0).id)
        assert [each["state"] for each in queries.transitions_of(connection, newest["id"])] == ["open"]
        document = queries.document_of(connection, newest["id"])
        assert document is not None and document.revision == 5


def test_what_stood_and_how_long_it_took(engine: Engine) -> None:
    with engine.connect() as connection:
        assert queries.standing(connection, FindingsQuery(), MONDAY + 10 * DAY - 1) == [("conflict", 5), ("hygiene", 5)]
        assert queries.standing(connection, FindingsQuery(), MONDAY + 20 * DAY + 100, "tenant")[0][1] == 16
        assert queries.durations(connection, FindingsQuery()) == [
            ("conflict", 9, {50: 500, 90: 500}), ("hygiene", 8, {50: 500, 90: 500}),
        ]  # fmt: skip
        bounds = [(MONDAY, MONDAY + DAY), (MONDAY + DAY, MONDAY + 3 * DAY)]
        assert queries.counts_within(connection, FindingsQuery(), bounds) == [3, 2]
        (newest, *_) = queries.episodes_of(connection, finding(3).id)
        assert {row["finding"] for row in queries.related(connection, newest["id"])} == set()


def test_days_are_counted_and_counted_again(engine: Engine) -> None:
    for _ in range(2):
        note_days(engine, MONDAY + 16 * DAY + 5000, days=3)
    with engine.connect() as connection:
        rows = [dict(row) for row in days(connection, MONDAY, MONDAY + 30 * DAY, "tenant")]
    assert [(row["standing"], row["opened"], row["resolved"]) for row in rows] == [(15, 1, 0), (15, 1, 1), (15, 1, 1)]


def test_the_tables_are_those_that_the_code_names(engine: Engine) -> None:
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
    ours = [each for each in found if "names" not in str(each) and "alembic" not in str(each)]
    assert ours == []


def test_what_is_old_goes_and_who_asks_is_forgotten(engine: Engine) -> None:
    """The last test of the module: it removes."""
    assert forget(engine, ["00000000-0000-0000-0000-000000000003"]) == 1
    with engine.connect() as connection:
        assert queries.count(connection, FindingsQuery(words="joerg.3@contoso.com")) == 0
        assert queries.count(connection, FindingsQuery()) == 32
        (row,) = queries.episodes_of(connection, finding(3).id)
        assert row["name"] == FORGOTTEN
        assert queries.document_of(connection, row["id"]) is None
    assert expire(engine, episodes_before_ms=MONDAY + 20 * DAY, documents_before_ms=MONDAY + 25 * DAY) == 7
    with engine.connect() as connection:
        assert queries.count(connection, FindingsQuery(state=("open",))) == 15
        (row,) = queries.episodes_of(connection, finding(22).id)
        assert queries.document_of(connection, row["id"]) is None
        assert queries.count(connection, FindingsQuery(words="joerg.16@contoso.com")) == 0


@pytest.mark.parametrize("url", ["mysql://h/d", "no url", "postgresql+nothing://h/d"])
def test_a_url_that_is_none_is_an_error_of_the_settings(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        open_database(url, tmp_path)


def test_a_database_that_is_away_is_waited_for_and_its_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(RetriableError) as caught:
        open_database("postgresql://somebody:hunter2@127.0.0.1:1/history", tmp_path)
    assert "hunter2" not in str(caught.value)
