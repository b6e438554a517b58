"""How a run of a management agent ended: the status of the Operations page for what an event says. Pure."""

from __future__ import annotations

from streams.reference_data.table import Row, load


class RunStatus(Row, frozen=True, kw_only=True):
    """The status that an event means. counter: only where this counter of the event is not zero."""

    event: int
    status: str
    counter: str | None = None


TABLE = load("run_statuses", RunStatus)
BY_EVENT = {row.event: row.status for row in TABLE.rows if row.counter is None}
BY_COUNTER = {row.counter: row.status for row in TABLE.rows if row.counter is not None}
