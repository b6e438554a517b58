"""The numbers of each day: what stood at its end, what opened and was resolved in it. They outlive the episodes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, RowMapping, case, delete, func, insert, or_, select

from sinks.history.database import errors
from sinks.history.schema import daily, episode

DAY_MS = 86_400_000
_KEYS = ("tenant", "forest", "unit", "detection", "severity")


def note_days(engine: Engine, now_ms: int, days: int = 2) -> None:
    """Count the last `days` days anew, the present one as far as it has come (UTC). Raises RetriableError.

    Once an hour is enough: of a day that is over nothing changes but what arrived late.
    """
    today = now_ms // DAY_MS * DAY_MS
    for day in range(today - (days - 1) * DAY_MS, today + 1, DAY_MS):
        with errors(), engine.begin() as connection:
            rows = _counted(connection, day)
            connection.execute(delete(daily).where(daily.c.day_ms == day))
            if rows:
                connection.execute(insert(daily), rows)


def _counted(connection: Connection, day: int) -> list[dict[str, object]]:
    end = day + DAY_MS
    keys = [func.coalesce(episode.c[name], "").label(name) for name in _KEYS]
    opened, resolved = episode.c.opened_ms, episode.c.resolved_ms
    counted = {
        "standing": or_(resolved.is_(None), resolved >= end),
        "opened": opened >= day,
        "resolved": resolved < end,
    }
    sums = [func.sum(case((condition, 1), else_=0)).label(name) for name, condition in counted.items()]
    query = select(*keys, *sums).where(opened < end, or_(resolved.is_(None), resolved >= day)).group_by(*keys)
    return [{"day_ms": day, **row} for row in connection.execute(query).mappings()]


def days(connection: Connection, from_ms: int, until_ms: int, by: str = "severity") -> Sequence[RowMapping]:
    """day_ms, value of one of the keys, standing, opened, resolved: of each day from `from_ms` to `until_ms`."""
    value = daily.c[by].label("value")
    sums = [func.sum(daily.c[name]).label(name) for name in ("standing", "opened", "resolved")]
    query = select(daily.c.day_ms, value, *sums).where(daily.c.day_ms >= from_ms, daily.c.day_ms < until_ms)
    return connection.execute(query.group_by(daily.c.day_ms, value).order_by(daily.c.day_ms, value)).mappings().all()
