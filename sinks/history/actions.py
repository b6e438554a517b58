"""What people did, in the history: written in the order of the topic, and what it means kept with each episode.

An episode's columns say how it stands as of the last action, whatever has run out since: they follow from the topic
alone, and the date of an acceptance is compared with the clock when somebody asks (`attention_at`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, desc, exists, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sinks.actions.fold import attended
from sinks.actions.known import as_arrived
from sinks.history.database import is_postgresql
from sinks.history.episodes import episode_id
from sinks.history.schema import action, episode
from sinks.sink import Meta
from streams.contracts.actions import Action
from streams.contracts.codec import decode, encode
from streams.contracts.entries import ActionTombstone

_SLICE = 500


def store(connection: Connection, entries: Iterable[tuple[Action | ActionTombstone, Meta]]) -> set[int]:
    """Write actions, remove those with a tombstone; the episodes that they were about."""
    last: dict[tuple[str, str], tuple[Action, Meta] | None] = {}
    for entry, meta in entries:
        if isinstance(entry, ActionTombstone):
            last[entry.finding_id, entry.action_id] = None
        else:
            last[entry.finding, entry.id] = as_arrived(entry, meta.ts_ms), meta
    gone = [{"of": finding, "name": name} for (finding, name), kept in last.items() if kept is None]
    touched: set[int] = set()
    this_one = (action.c.finding == bindparam("of")) & (action.c.id == bindparam("name"))
    for key in gone:
        touched |= set(connection.execute(select(action.c.episode).where(this_one), key).scalars())
        connection.execute(delete(action).where(this_one), key)
    rows: list[dict[str, Any]] = [
        {
            "finding": one.finding, "id": one.id, "episode": episode_id(one.finding, one.opened_ms),
            "place": meta.offset, "at_ms": one.at_ms, "who": one.who, "do": word_of(one), "body": encode(one),
        }
        for one, meta in filter(None, last.values())
    ]  # fmt: skip
    if rows:
        new = (postgresql.insert if is_postgresql(connection) else sqlite.insert)(action)
        values = {column.name: new.excluded[column.name] for column in action.columns if not column.primary_key}
        connection.execute(new.on_conflict_do_update(index_elements=["finding", "id"], set_=values), rows)
    return touched | {row["episode"] for row in rows}


def word_of(one: Action) -> str:
    """The kind of an action, as the contract names it."""
    return str(type(one.what).__struct_config__.tag)


def look_at(connection: Connection, touched: Collection[int], new: Collection[int]) -> None:
    """Bring the columns of episodes to what their actions say: of those acted upon, and of new ones."""
    numbers = sorted({*touched, *new})
    for start in range(0, len(numbers), _SLICE):
        asked = numbers[start : start + _SLICE]
        by_episode = of_episodes(connection, asked)
        rows = []
        for number in asked:
            actions = by_episode.get(number)
            if actions is None:
                continue
            state = attended(actions, actions[0].opened_ms)
            rows.append({
                "number": number, "attention": state.attention.value, "owner": state.owner,
                "accepted_until_ms": state.until_ms,
            })  # fmt: skip
        cleared = [number for number in asked if number in touched and number not in by_episode]
        if cleared:
            nobody = {"attention": "unattended", "owner": None, "accepted_until_ms": None}
            connection.execute(update(episode).where(episode.c.id.in_(cleared)).values(nobody))
        if rows:
            connection.execute(update(episode).where(episode.c.id == bindparam("number")), rows)


def of_episodes(connection: Connection, episodes: Collection[int]) -> Mapping[int, list[Action]]:
    """The actions on each of these episodes that has any, in order."""
    query = select(action.c.episode, action.c.body).where(action.c.episode.in_(episodes))
    rows = connection.execute(query.order_by(action.c.episode, action.c.place))
    return {
        number: [decode(row.body, Action) for row in found] for number, found in groupby(rows, lambda row: row.episode)
    }


def of_finding(connection: Connection, finding: str) -> list[Action]:
    """The actions on all episodes of a finding, in order."""
    query = select(action.c.body).where(action.c.finding == finding).order_by(action.c.place)
    return [decode(body, Action) for body in connection.execute(query).scalars()]


def has(connection: Connection, finding: str, name: str) -> bool:
    """Whether this action has been read."""
    query = select(exists().where(action.c.finding == finding, action.c.id == name))
    return bool(connection.execute(query).scalar_one())


def audit(connection: Connection, *, before: int | None, limit: int, who: str = "") -> Sequence[tuple[int, Action]]:
    """(place, action), the latest first: whoever acted on whatever. before: only those at an earlier place."""
    query = select(action.c.place, action.c.body).order_by(desc(action.c.place)).limit(limit)
    if before is not None:
        query = query.where(action.c.place < before)
    if who:
        query = query.where(action.c.who == who)
    return [(row.place, decode(row.body, Action)) for row in connection.execute(query)]


def expired(connection: Connection, before_ms: int, limit: int = _SLICE) -> list[tuple[str, str]]:
    """(finding, action) of some that were done before then, on an episode that the history has let go."""
    query = select(action.c.finding, action.c.id).where(action.c.at_ms < before_ms)
    query = query.where(~exists().where(episode.c.id == action.c.episode)).limit(limit)
    return [(row.finding, row.id) for row in connection.execute(query)]


def attention_at(now_ms: int) -> ColumnElement[Any]:
    """How an episode stands with people now."""
    return case((_run_out(now_ms), "unattended"), else_=episode.c.attention)


def owner_at(now_ms: int) -> ColumnElement[Any]:
    """Whose an episode is now."""
    return case((_run_out(now_ms), null()), else_=episode.c.owner)


def _run_out(now_ms: int) -> ColumnElement[bool]:
    return and_(episode.c.attention == "accepted", episode.c.accepted_until_ms <= now_ms)
