"""The history sink: episodes, their transitions, and that nothing is lost or doubled."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from sinks.history.database import open_database
from sinks.history.episodes import unpacked
from sinks.history.schema import METADATA, document, episode, transition
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.entries import Entry, Tombstone
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import rfc3339
from streams.contracts.topics import FINDINGS
from streams.runtime.topic_reader import ReaderProgress
from tests.support.findings import finding

AT = 1_790_000_000_000
HERE = ReaderProgress(caught_up=True, in_contact=True, behind=0)


def said(number: int, revision: int, state: FindingState, *, at: int, opened: int | None = None) -> Finding:
    """Finding `number` in a state; times are in seconds from AT."""
    opened_at = rfc3339(AT + 1000 * (at if opened is None else opened))
    return msgspec.structs.replace(
        finding(number), state=state, revision=revision, opened_at=opened_at, observed_at=opened_at,
        updated_at=rfc3339(AT + 1000 * at),
        resolved_at=rfc3339(AT + 1000 * at) if state is FindingState.RESOLVED else None,
    )  # fmt: skip


def fed(engine: Engine, entries: list[Entry], *, batch: int = 100, start: int = 0) -> HistorySink:
    sink = HistorySink(engine)
    for index, entry in enumerate(entries, start):
        sink.add(entry, Meta(FINDINGS.name, 0, index, AT, live=True))
        if (index - start + 1) % batch == 0:
            sink.flush(HERE)
    sink.flush(HERE)
    return sink


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database("", tmp_path)


def episodes(engine: Engine) -> list[tuple[str, int, int | None, int]]:
    """state, opened, resolved (seconds from AT), revision, in the order of opening."""
    with engine.connect() as connection:
        return [
            (row.state, (row.opened_ms - AT) // 1000, row.resolved_ms and (row.resolved_ms - AT) // 1000, row.revision)
            for row in connection.execute(select(episode).order_by(episode.c.opened_ms))
        ]


def everything(engine: Engine) -> list[list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        found = [sorted(map(tuple, connection.execute(select(table))), key=repr) for table in METADATA.sorted_tables]
        return [*found, sorted(map(tuple, connection.execute(text("SELECT rowid, text FROM names"))))]


OPEN, SUPPRESSED, RESOLVED = FindingState.OPEN, FindingState.SUPPRESSED, FindingState.RESOLVED


def test_an_episode_lasts_from_opening_to_resolution(engine: Engine) -> None:
    fed(engine, [said(1, 1, OPEN, at=0), said(1, 2, OPEN, at=5, opened=0), said(1, 3, RESOLVED, at=9, opened=0)])

    assert episodes(engine) == [("resolved", 0, 9, 3)]
    with engine.connect() as connection:
        assert [row.state for row in connection.execute(select(transition).order_by(transition.c.revision))] == [
            "open", "open", "resolved",
        ]  # fmt: skip
        (body,) = connection.execute(select(document.c.body)).scalars()
    assert unpacked(body).revision == 3


def test_what_opens_again_is_a_new_episode(engine: Engine) -> None:
    fed(engine, [said(1, 1, OPEN, at=0), said(1, 2, RESOLVED, at=3, opened=0), said(1, 3, OPEN, at=7)])

    assert episodes(engine) == [("resolved", 0, 3, 2), ("open", 7, None, 3)]


def test_what_outlives_its_cause_is_the_same_episode(engine: Engine) -> None:
    fed(engine, [said(1, 1, SUPPRESSED, at=0), said(1, 2, OPEN, at=4), said(1, 3, RESOLVED, at=6, opened=4)])

    assert episodes(engine) == [("resolved", 0, 6, 3)]


def test_an_end_that_compaction_removed_is_the_next_opening_at_the_latest(engine: Engine) -> None:
    fed(engine, [said(1, 1, OPEN, at=0), said(1, 5, OPEN, at=8)])

    assert episodes(engine) == [("resolved", 0, 8, 1), ("open", 8, None, 5)]


def test_a_tombstone_ends_what_stood_and_removes_nothing(engine: Engine) -> None:
    fed(engine, [said(1, 1, OPEN, at=0), Tombstone(finding(1).id), Tombstone("unknown")])

    assert [state for state, *_ in episodes(engine)] == ["resolved"]


def test_the_offsets_are_those_of_what_was_written(engine: Engine, tmp_path: Path) -> None:
    sink = fed(engine, [said(1, 1, OPEN, at=0)], start=41)
    sink.add(said(2, 1, OPEN, at=0), Meta(FINDINGS.name, 0, 42, AT, live=True))

    assert HistorySink(engine).offsets() == {(FINDINGS.name, 0): 42}


def test_a_transaction_that_fails_leaves_neither_rows_nor_offsets(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER t BEFORE INSERT ON offset BEGIN SELECT RAISE(ABORT, 'full'); END"))
    sink = HistorySink(engine)
    sink.add(said(1, 1, OPEN, at=0), Meta(FINDINGS.name, 0, 0, AT, live=True))
    with pytest.raises(Exception, match="full"):
        sink.flush(HERE)
    assert episodes(engine) == []
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER t"))
    sink.flush(HERE)
    assert episodes(engine) == [("open", 0, None, 1)]


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Records of three findings as `findings.transition` makes them, with some that compaction removed."""
    told: list[Entry] = []
    revision, opened, state = [0] * 3, [0] * 3, [RESOLVED] * 3
    for at in range(1, draw(st.integers(1, 25)) + 1):
        one = draw(st.integers(0, 2))
        following = draw(st.sampled_from([OPEN, SUPPRESSED, *([] if state[one] is RESOLVED else [RESOLVED])]))
        if state[one] is RESOLVED or (state[one] is SUPPRESSED and following is OPEN):
            opened[one] = at
        revision[one] += 1
        state[one] = following
        if draw(st.integers(0, 5)):
            told.append(said(one, revision[one], following, at=at, opened=opened[one]))
    return told


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    open_database("", folder).dispose()
    return folder / "history.sqlite"


@given(told=lives(), batch=st.integers(1, 7), cut=st.integers(0, 25))
@settings(deadline=None)
def test_batches_and_replays_change_nothing(template: Path, told: list[Entry], batch: int, cut: int) -> None:
    """Read once in one batch, or in any batches, with a part of it read again: the database is the same."""
    found = []
    for name, parts in (("once", [told]), ("again", [told[:cut], told])):
        path = template.with_name(f"{name}.sqlite")
        shutil.copy(template, path)
        engine = open_database(f"sqlite:///{path}", template.parent)
        for part in parts:
            fed(engine, part, batch=batch if name == "again" else 100)
        found.append(everything(engine))
        engine.dispose()
    assert found[0] == found[1]
