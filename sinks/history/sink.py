"""The sink of the history: findings into episodes, what people do beside them, with offsets in the same transaction.

After kill -9 at any moment the topic is read on from the offsets that stand in the database, so nothing is lost and
nothing doubled. Read again from the beginning (a topic made anew, a database restored), it changes nothing: an episode
is known by its finding and opening, a transition by its revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields

from sqlalchemy import Connection, Engine, bindparam, delete, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from sinks.history import actions
from sinks.history.database import errors, forget_names, is_postgresql
from sinks.history.episodes import Standing, after, ended, names_of, objects_of, packed
from sinks.history.schema import document, episode, involved, offset, transition
from sinks.sink import Meta
from streams.contracts.actions import Action
from streams.contracts.entries import ActionTombstone, Entry, Tombstone
from streams.contracts.errors import InvalidRecordError
from streams.contracts.finding import Finding
from streams.contracts.topics import ACTIONS, FINDINGS, Topic
from streams.runtime.logs import get_logger
from streams.runtime.topic_reader import ReaderProgress

_log = get_logger(__name__)
_SLICE = 500
_COLUMNS = [each.name for each in fields(Standing)]


class HistorySink:
    """Keeps every finding in `engine`'s database (see database.open_database). position: as of the last flush."""

    topics: tuple[Topic, ...] = (FINDINGS, ACTIONS)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pending: list[tuple[Entry, Meta]] = []
        self.writes = 0
        self.position = ReaderProgress(caught_up=False, in_contact=False, behind=0)

    def offsets(self) -> dict[tuple[str, int], int]:
        """(topic, partition) -> the offset to read on from. Raises RetriableError."""
        with errors(), self._engine.connect() as connection:
            return {(row.topic, row.partition): row.next for row in connection.execute(select(offset))}

    def add(self, entry: Entry, meta: Meta) -> None:
        """Keep one entry until the next flush."""
        self._pending.append((entry, meta))

    def flush(self, position: ReaderProgress) -> None:
        """Write what was added, in one transaction. Raises RetriableError."""
        if self._pending:
            with errors(), self._engine.begin() as connection:
                _write(connection, self._pending)
            self._pending.clear()
            self.writes += 1
        self.position = position

    def close(self) -> None:
        """Nothing to release: whoever opened the engine disposes of it."""


def _write(connection: Connection, entries: Iterable[tuple[Entry, Meta]]) -> None:
    entries = list(entries)
    before = _latest(connection, {entry.id for entry, _ in entries if isinstance(entry, Finding)} | {
        entry.finding_id for entry, _ in entries if isinstance(entry, Tombstone)
    })  # fmt: skip
    known = {each.id for each in before.values()}
    standing: dict[int, Standing] = {}
    records: dict[int, Finding] = {}
    steps: dict[tuple[int, int], dict[str, object]] = {}
    for entry, meta in entries:
        if isinstance(entry, Tombstone):
            latest = before.get(entry.finding_id)
            if latest is not None and not latest.is_over:
                latest = before[entry.finding_id] = ended(latest, meta.ts_ms)
                standing[latest.id] = latest
            continue
        if not isinstance(entry, Finding):
            continue
        previous = before.get(entry.id)
        try:
            now = after(previous, entry)
        except InvalidRecordError as error:
            _log.warning("a finding that cannot be kept", finding=entry.id, reason=error.reason)
            continue
        if now is None:
            continue
        if previous is not None and previous.id != now.id and not previous.is_over:
            over = ended(previous, now.opened_ms)
            standing[over.id] = over
        before[entry.id] = standing[now.id] = now
        records[now.id] = entry
        steps[now.id, now.revision] = {
            "episode": now.id, "revision": now.revision, "at_ms": now.updated_ms, "state": now.state,
            "severity": now.severity, "summary": now.summary,
        }  # fmt: skip
    _store(connection, standing, records, steps)
    done = [(entry, meta) for entry, meta in entries if isinstance(entry, Action | ActionTombstone)]
    actions.look_at(connection, actions.store(connection, done) if done else set(), standing.keys() - known)
    _note_offsets(connection, entries)


def _latest(connection: Connection, findings: set[str]) -> dict[str, Standing]:
    """The latest episode of each finding that has one."""
    found: dict[str, Standing] = {}
    wanted = sorted(findings)
    newest = (
        select(episode.c.finding, func.max(episode.c.opened_ms).label("opened_ms"))
        .where(episode.c.finding.in_(bindparam("findings", expanding=True)))
        .group_by(episode.c.finding)
        .subquery()
    )
    query = select(episode).join(
        newest, (episode.c.finding == newest.c.finding) & (episode.c.opened_ms == newest.c.opened_ms)
    )
    for start in range(0, len(wanted), _SLICE):
        for row in connection.execute(query, {"findings": wanted[start : start + _SLICE]}).mappings():
            found[row["finding"]] = Standing(**{name: row[name] for name in _COLUMNS})
    return found


def _store(
    connection: Connection,
    standing: Mapping[int, Standing],
    records: Mapping[int, Finding],
    steps: Mapping[tuple[int, int], dict[str, object]],
) -> None:
    if not standing:
        return
    insert = postgresql.insert if is_postgresql(connection) else sqlite.insert
    rows = insert(episode)
    rows = rows.on_conflict_do_update(
        index_elements=["id"], set_={name: rows.excluded[name] for name in _COLUMNS if name != "id"}
    )
    connection.execute(rows, [asdict(each) for each in standing.values()])
    if not records:
        return
    connection.execute(insert(transition).on_conflict_do_nothing(), list(steps.values()))
    bodies = insert(document)
    bodies = bodies.on_conflict_do_update(index_elements=["episode"], set_={"body": bodies.excluded.body})
    connection.execute(bodies, [{"episode": number, "body": packed(finding)} for number, finding in records.items()])
    keys = [{"number": number} for number in records]
    connection.execute(delete(involved).where(involved.c.episode == bindparam("number")), keys)
    holders = [
        {"episode": number, "side": each.side, "kind": each.kind, "object": each.id, "role": each.role}
        for number, finding in records.items()
        for each in objects_of(finding)
    ]
    if holders:
        connection.execute(involved.insert(), holders)
    names = [{"number": number, "text": names_of(finding)} for number, finding in records.items()]
    if is_postgresql(connection):
        connection.execute(
            text("INSERT INTO names VALUES (:number, :text) ON CONFLICT (episode) DO UPDATE SET text = excluded.text"),
            names,
        )
    else:
        forget_names(connection, records)
        connection.execute(text("INSERT INTO names (rowid, text) VALUES (:number, :text)"), names)


def _note_offsets(connection: Connection, entries: Iterable[tuple[Entry, Meta]]) -> None:
    reached = {(meta.topic, meta.partition): meta.offset + 1 for _, meta in entries}
    insert = postgresql.insert if is_postgresql(connection) else sqlite.insert
    rows = insert(offset)
    rows = rows.on_conflict_do_update(index_elements=["topic", "partition"], set_={"next": rows.excluded["next"]})
    connection.execute(
        rows, [{"topic": topic, "partition": number, "next": at} for (topic, number), at in reached.items()]
    )
