"""What was sent to which channel, in the history's database: written before a message is sent, and after its delivery.

A message is kept with its key until it is delivered, so that after kill -9 the same one goes out again under the same
key: at least once, and once at a receiver that compares keys (the table of channels in README says who does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sinks.history.database import errors, is_postgresql
from sinks.history.schema import told_channel, told_finding
from sinks.notify.decision import Notified
from sinks.notify.notice import Notice
from streams.contracts.codec import decode, encode
from streams.contracts.finding import Severity

_SLICE = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is not known to be delivered. finding: "" for one about several. reference: of what it changes."""

    finding: str
    notice: Notice
    reference: str


@dataclass(frozen=True, slots=True)
class ChannelState:
    """The row of a channel itself. since_ms: when it was first configured. serial: of its last summary or digest."""

    since_ms: int
    together_ms: int = 0
    digest_ms: int = 0
    serial: int = 0


class NotificationLedger:
    """The rows of one channel. Used by one thread; another one may have its own. All raise RetriableError."""

    def __init__(self, engine: Engine, channel: str) -> None:
        self._engine = engine
        self._channel = channel

    def state(self, now_ms: int) -> ChannelState:
        """Of the channel; a new one is there since now."""
        with errors(), self._engine.begin() as connection:
            insert = _insert(connection)(told_channel).on_conflict_do_nothing()
            connection.execute(insert, {"channel": self._channel, "since_ms": now_ms})
            row = connection.execute(self._own(select(told_channel), told_channel)).mappings().one()
        return ChannelState(row["since_ms"], row["together_ms"], row["digest_ms"], row["serial"])

    def notified(self) -> dict[str, Notified]:
        """Finding -> what the channel was sent about it."""
        query = self._own(select(told_finding), told_finding)
        with errors(), self._engine.connect() as connection:
            return {row["finding"]: _notified(row) for row in connection.execute(query).mappings()}

    def outgoing(self) -> list[Outgoing]:
        """Messages not known to be delivered, in the order of their times."""
        found = []
        queries = (select(table).where(table.c.body.is_not(None)) for table in (told_channel, told_finding))
        with errors(), self._engine.connect() as connection:
            for query, table in zip(queries, (told_channel, told_finding), strict=True):
                for row in connection.execute(self._own(query, table)).mappings():
                    notice = decode(row["body"], Notice)
                    found.append(Outgoing(row.get("finding", ""), notice, row.get("reference", "")))
        return sorted(found, key=lambda each: (each.notice.at_ms, each.notice.key))

    def intend(self, finding: str, notified: Notified, notice: Notice) -> None:
        """Store a message about one finding before it is sent."""
        with errors(), self._engine.begin() as connection:
            self._write(connection, {finding: notified}, encode(notice))

    def intend_together(self, notified: Mapping[str, Notified], state: ChannelState, notice: Notice | None) -> None:
        """Store a message about several findings before it is sent; None: only their state is stored."""
        values: dict[str, Any] = {
            "together_ms": state.together_ms, "digest_ms": state.digest_ms, "serial": state.serial,
        }  # fmt: skip
        if notice is not None:
            values["body"] = encode(notice)
        with errors(), self._engine.begin() as connection:
            self._write(connection, notified, None)
            connection.execute(self._own(update(told_channel), told_channel).values(**values))

    def note(self, notified: Mapping[str, Notified]) -> None:
        """Store states for which no message is sent."""
        with errors(), self._engine.begin() as connection:
            self._write(connection, notified, None)

    def delivered(self, finding: str, reference: str) -> None:
        """Mark the message as delivered. finding: "" for one about several; reference: for changing it."""
        with errors(), self._engine.begin() as connection:
            if finding:
                query = self._own(update(told_finding), told_finding).where(told_finding.c.finding == finding)
                connection.execute(query.values(body=None, reference=reference))
            else:
                connection.execute(self._own(update(told_channel), told_channel).values(body=None))

    def forget(self, findings: Iterable[str]) -> None:
        """Delete the rows of these findings."""
        gone = sorted(findings)
        with errors(), self._engine.begin() as connection:
            for start in range(0, len(gone), _SLICE):
                query = self._own(delete(told_finding), told_finding)
                connection.execute(query.where(told_finding.c.finding.in_(gone[start : start + _SLICE])))

    def _own(self, query: Any, table: Any) -> Any:
        return query.where(table.c.channel == self._channel)

    def _write(self, connection: Connection, notified: Mapping[str, Notified], body: bytes | None) -> None:
        if not notified:
            return
        rows = _insert(connection)(told_finding)
        names = [column.name for column in told_finding.columns if column.name not in ("channel", "finding")]
        rows = rows.on_conflict_do_update(
            index_elements=["channel", "finding"], set_={name: rows.excluded[name] for name in names}
        )
        connection.execute(rows, [self._row(finding, each, body) for finding, each in notified.items()])

    def _row(self, finding: str, notified: Notified, body: bytes | None) -> dict[str, Any]:
        return {
            "channel": self._channel, "finding": finding, "turn": notified.turn, "step": notified.step,
            "open": notified.open, "together": notified.together, "severity": notified.severity.value,
            "mark": notified.mark, "times_ms": " ".join(map(str, notified.times_ms)),
            "reference": notified.reference, "body": body,
        }  # fmt: skip


def _insert(connection: Connection) -> Any:
    return postgresql.insert if is_postgresql(connection) else sqlite.insert


def _notified(row: Any) -> Notified:
    return Notified(
        turn=row["turn"],
        step=row["step"],
        open=row["open"],
        together=row["together"],
        severity=Severity(row["severity"]),
        mark=row["mark"],
        times_ms=tuple(map(int, row["times_ms"].split())),
        reference=row["reference"],
    )
