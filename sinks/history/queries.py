"""Questions to the history: pages of findings, one with its past, counts by whatever people sort by, and trends.

All are plain reads on one connection; SQLite's readers wait for no writer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    case,
    column,
    desc,
    false,
    func,
    or_,
    select,
    table,
    tuple_,
)

from sinks.history.actions import attention_at, owner_at
from sinks.history.database import is_postgresql
from sinks.history.episodes import unpacked
from sinks.history.schema import document, episode, involved, transition
from sinks.history.scope import within
from sinks.labels import NONE
from streams.contracts.errors import InvalidRecordError
from streams.contracts.finding import Finding, Severity
from streams.runtime.clock import now_ms

FACETS = ("severity", "family", "detection", "tenant", "forest", "unit", "state", "attention", "owner")
MOST = 500
_names = table("names", column("episode"), column("rowid"), column("names"), column("text"))
_WEEK_MS = 7 * 86_400_000
_MONDAY_MS = 4 * 86_400_000
"""1970-01-05 was a Monday."""


@dataclass(frozen=True, slots=True)
class FindingsQuery:
    """What is asked for; every field narrows it. An empty tuple: any.

    forest:  "none", as metrics say it: of findings that are of no forest.
    words:   some word in the names, addresses and ids of those involved begins with each of them, in any case.
    attention, owner: who looks after it (sinks.actions.fold.Attention), as it is when the question is asked.
    objects: ids of objects that take part.
    role:    what a finding says of somebody who takes part ("would_be_quarantined", …).
    cause:   findings that explain those asked for away.
    opened_from_ms, opened_until_ms: bounds of the opening, the second exclusive. opened_within: several such bounds, of
        which one must hold.
    """

    words: str = ""
    state: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    detection: tuple[str, ...] = ()
    tenant: tuple[str, ...] = ()
    forest: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    attention: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    opened_from_ms: int | None = None
    opened_until_ms: int | None = None
    opened_within: tuple[tuple[int, int], ...] = ()
    objects: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    role: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some episodes, the newest first; `cursor` asks for those after them, None at the end."""

    episodes: Sequence[RowMapping]
    cursor: str | None


def page(connection: Connection, question: FindingsQuery, *, cursor: str | None = None, limit: int = 50) -> Page:
    """The episodes asked for, MOST at most. Raises InvalidRecordError for a cursor that is none of ours."""
    query = _asked(connection, question, select(episode)).order_by(desc(episode.c.opened_ms), desc(episode.c.id))
    if cursor is not None:
        query = query.where(tuple_(episode.c.opened_ms, episode.c.id) < tuple_(*_place(cursor)))
    limit = min(limit, MOST)
    rows = connection.execute(query.limit(limit + 1)).mappings().all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(rows[:limit], f"{last['opened_ms']}-{last['id']}" if last is not None else None)


def _place(cursor: str) -> tuple[int, int]:
    opened_ms, _, number = cursor.partition("-")
    if not (opened_ms.isascii() and opened_ms.isdigit() and number.isascii() and number.isdigit()):
        raise InvalidRecordError("wrong_shape", "the cursor is none that a page has given")
    place = int(opened_ms[:20]), int(number[:20])
    if max(place) >= 1 << 63:  # neither database has such a number
        raise InvalidRecordError("wrong_shape", "the cursor is none that a page has given")
    return place


def count(connection: Connection, question: FindingsQuery) -> int:
    """How many episodes are asked for."""
    query = _asked(connection, question, select(func.count()).select_from(episode))
    number: int = connection.execute(query).scalar_one()
    return number


def counts(connection: Connection, question: FindingsQuery, by: str) -> list[tuple[str | None, int]]:
    """How many of each value of a facet (one of FACETS), the most first; severities by their loudness."""
    chosen = _facet(by).label("chosen")
    query = select(chosen, func.count()).group_by(chosen)
    rows = [(value, number) for value, number in connection.execute(_asked(connection, question, query))]
    if by == "severity":
        return sorted(rows, key=lambda row: Severity(row[0]).rank)
    return sorted(rows, key=lambda row: (-row[1], row[0] or ""))


def counts_within(connection: Connection, question: FindingsQuery, bounds: Sequence[tuple[int, int]]) -> list[int]:
    """How many were opened within each of these bounds (from, until in ms; the second exclusive)."""
    if not bounds:
        return []
    sums = [func.coalesce(func.sum(case((episode.c.opened_ms.between(low, high - 1), 1), else_=0)), 0)
            for low, high in bounds]  # fmt: skip
    row = connection.execute(_asked(connection, question, select(*sums).select_from(episode))).one()
    return [int(number) for number in row]


def unresolved(connection: Connection, question: FindingsQuery, *, limit: int) -> list[tuple[str, int]]:
    """(finding, opened_ms) of the episodes asked for that are not over, the newest first."""
    query = select(episode.c.finding, episode.c.opened_ms).where(episode.c.resolved_ms.is_(None))
    query = _asked(connection, question, query).order_by(desc(episode.c.opened_ms), desc(episode.c.id)).limit(limit)
    return [(row.finding, row.opened_ms) for row in connection.execute(query)]


def causes(connection: Connection, question: FindingsQuery) -> list[tuple[str, int]]:
    """(finding, how many that stand it explains away), the most first."""
    query = select(episode.c.cause, func.count()).where(episode.c.cause.is_not(None), episode.c.resolved_ms.is_(None))
    asked = _asked(connection, question, query.group_by(episode.c.cause))
    rows = [(cause, number) for cause, number in connection.execute(asked)]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def related(connection: Connection, number: int, *, limit: int = 20) -> Sequence[RowMapping]:
    """Other findings, in their latest episode first, in which an object of this episode takes part."""
    objects = select(involved.c.object).where(involved.c.episode == number)
    others = select(involved.c.episode).where(involved.c.object.in_(objects))
    mine = select(episode.c.finding).where(episode.c.id == number).scalar_subquery()
    query = select(episode).where(episode.c.id.in_(others), episode.c.finding != mine)
    query = query.order_by(episode.c.resolved_ms.is_not(None), desc(episode.c.opened_ms), episode.c.id).limit(limit)
    return connection.execute(query).mappings().all()


def episodes_of(connection: Connection, finding: str) -> Sequence[RowMapping]:
    """Every episode of a finding, the newest first."""
    query = select(episode).where(episode.c.finding == finding).order_by(desc(episode.c.opened_ms))
    return connection.execute(query).mappings().all()


def document_of(connection: Connection, number: int) -> Finding | None:
    """The latest record of an episode; None once its retention has passed. Raises InvalidRecordError."""
    body = connection.execute(select(document.c.body).where(document.c.episode == number)).scalar_one_or_none()
    return None if body is None else unpacked(body)


def transitions_of(connection: Connection, number: int) -> Sequence[RowMapping]:
    """What became of an episode, in order."""
    query = select(transition).where(transition.c.episode == number).order_by(transition.c.revision)
    return connection.execute(query).mappings().all()


def monday_of(at_ms: int) -> int:
    """When the week began that a time is in (Monday 0:00 UTC, ms)."""
    return (at_ms - _MONDAY_MS) // _WEEK_MS * _WEEK_MS + _MONDAY_MS


def weeks(
    connection: Connection, question: FindingsQuery, *, of: str = "opened_ms", by: str = "family"
) -> list[tuple[int, str | None, int]]:
    """(start of the week: Monday 0:00 UTC in ms; value of the facet; how many) opened or resolved in each week.

    of: opened_ms or resolved_ms.
    """
    week = ((episode.c[of] - _MONDAY_MS) // _WEEK_MS).label("week")
    chosen = _facet(by).label("chosen")
    query = select(week, chosen, func.count()).where(episode.c[of].is_not(None))
    query = query.group_by(week, chosen).order_by(week, chosen)
    rows = connection.execute(_asked(connection, question, query))
    return [(number * _WEEK_MS + _MONDAY_MS, value, how_many) for number, value, how_many in rows]


def repeated(connection: Connection, question: FindingsQuery, *, limit: int = 20) -> Sequence[RowMapping]:
    """finding, detection, name, episodes: of findings that opened more than once, the most often first."""
    how_many = func.count().label("episodes")
    name = func.max(episode.c.name).label("name")
    query = select(episode.c.finding, episode.c.detection, name, how_many)
    query = query.group_by(episode.c.finding, episode.c.detection).having(func.count() > 1)
    query = _asked(connection, question, query).order_by(desc("episodes"), episode.c.finding).limit(limit)
    return connection.execute(query).mappings().all()


def _facet(name: str) -> ColumnElement[Any]:
    if name in ("attention", "owner"):
        return (attention_at if name == "attention" else owner_at)(now_ms())
    return episode.c[name]


def _asked(connection: Connection, question: FindingsQuery, query: Select[Any]) -> Select[Any]:
    for name in FACETS:
        wanted = getattr(question, name)
        if wanted:
            chosen = _facet(name)
            none = chosen.is_(None) if name == "forest" and NONE in wanted else false()
            query = query.where(or_(chosen.in_(wanted), none))
    if question.opened_from_ms is not None:
        query = query.where(episode.c.opened_ms >= question.opened_from_ms)
    if question.opened_until_ms is not None:
        query = query.where(episode.c.opened_ms < question.opened_until_ms)
    if question.opened_within:
        query = query.where(or_(*(episode.c.opened_ms.between(low, high - 1) for low, high in question.opened_within)))
    if question.cause:
        query = query.where(episode.c.cause.in_(question.cause))
    if question.role:
        having = select(involved.c.episode).where(involved.c.role.in_(question.role))
        query = query.where(episode.c.id.in_(having))
    if question.objects:
        taking_part = select(involved.c.episode).where(involved.c.object.in_(question.objects))
        query = query.where(episode.c.id.in_(taking_part))
    words = question.words.split()
    if words:
        query = _named(connection, query, words)
    return query


def _named(connection: Connection, query: Select[Any], words: Sequence[str]) -> Select[Any]:
    """Only the episodes in whose names some word begins with each of `words`.

    A join, not IN: SQLite would go through all episodes by their opening and look for each among those found.
    """
    if is_postgresql(connection):
        begins = [_names.c.text.op("~*")(rf"\m{re.escape(word)}") for word in words]
        return query.join(_names, _names.c.episode == episode.c.id).where(*begins)
    asked = " AND ".join('"' + word.replace('"', '""') + '" *' for word in words)
    return query.join(_names, _names.c.rowid == episode.c.id).where(_names.c.names.op("MATCH")(asked))


def standing(
    connection: Connection, question: FindingsQuery, at_ms: int, by: str = "family"
) -> list[tuple[str | None, int]]:
    """How many of each value of a facet stood at a time, explained by a cause or not; the most first.

    Of what was resolved and has expired nothing is known any more.
    """
    chosen = episode.c[by]
    query = select(chosen, func.count()).where(episode.c.opened_ms <= at_ms, _stood(at_ms)).group_by(chosen)
    rows = [(value, number) for value, number in connection.execute(_asked(connection, question, query))]
    return sorted(rows, key=lambda row: (-row[1], row[0] or ""))


def _stood(at_ms: int) -> ColumnElement[bool]:
    return or_(episode.c.resolved_ms.is_(None), episode.c.resolved_ms > at_ms)


def durations(
    connection: Connection, question: FindingsQuery, by: str = "family", shares: Sequence[int] = (50, 90)
) -> list[tuple[str | None, int, dict[int, int]]]:
    """(value of a facet, how many were resolved, percentage -> ms within which so many were), the most first."""
    chosen, length = episode.c[by].label("value"), (episode.c.resolved_ms - episode.c.opened_ms).label("length")
    place = func.row_number().over(partition_by=episode.c[by], order_by=length).label("place")
    total = func.count().over(partition_by=episode.c[by]).label("total")
    inner = select(chosen, length, place, total).where(episode.c.resolved_ms.is_not(None))
    ranked = within(connection, _asked(connection, question, inner)).subquery()
    wanted = [(ranked.c.total * share + 99) // 100 for share in shares]  # nearest rank
    query = select(ranked).where(or_(*(ranked.c.place == rank for rank in wanted)))
    found: dict[str | None, tuple[int, dict[int, int]]] = {}
    for row in connection.execute(query):
        _, lengths = found.setdefault(row.value, (row.total, {}))
        for share in shares:
            if row.place == (row.total * share + 99) // 100:
                lengths[share] = row.length
    rows = [(value, number, lengths) for value, (number, lengths) in found.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0] or ""))
