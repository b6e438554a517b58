"""Doing what somebody asks: to one finding or to all that a question names, written to Kafka and waited for."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

import msgspec
from litestar.di import NamedDependency
from sqlalchemy import Engine

from sinks.actions.fold import ended_acceptances
from sinks.actions.wanted import Wanted, deed_of
from sinks.actions.writer import ActionWriter
from sinks.desk.answers import AuditPage, Done
from sinks.history import actions, queries
from sinks.history.database import errors
from sinks.history.queries import FindingsQuery
from streams.contracts.actions import Action, Channel, Comment, KnownBy, LinkTicket
from streams.contracts.codec import convert
from streams.contracts.errors import InvalidRecordError
from streams.contracts.finding import FindingState
from streams.contracts.times import parse_rfc3339
from streams.runtime.clock import now_ms

MOST_AT_ONCE = 5000
_SEEN_WITHIN_S, _LOOK_EVERY_S = 3.0, 0.05
_AUDIT_PAGE = 100


@dataclass(frozen=True, slots=True)
class By:
    """Who asks, how we know, and from where."""

    who: str
    known_by: KnownBy
    channel: Channel
    address: str


@dataclass(frozen=True)
class Acting:
    """Writes by `writer` what people do; `engine`: the history, which says what they look at."""

    engine: Engine
    writer: ActionWriter

    def act(self, finding: str, wanted: Wanted, by: By) -> Action:
        """Do it, and return once the history shows it, or after some seconds.

        Raises InvalidRecordError for what cannot be done, RetriableError while Kafka or the database is away.
        """
        deed = deed_of(wanted, now_ms())
        with errors(), self.engine.connect() as connection:
            rows = queries.episodes_of(connection, finding)
        if wanted.opened_at:
            rows = [row for row in rows if row["opened_ms"] == _time(wanted.opened_at)]
        if not rows:
            raise InvalidRecordError("value", f"the history has no finding {finding!r}, or not that episode of it")
        row = rows[0]
        if row["state"] == FindingState.RESOLVED and not isinstance(deed, Comment | LinkTicket):
            raise InvalidRecordError("value", f"finding {finding} is over: there is nothing to {wanted.do}")
        action = _action(finding, row["opened_ms"], wanted, by, wanted.id or secrets.token_hex(16))
        self.writer.write([action])
        self._wait_for(action)
        return action

    def act_on_all(self, question: FindingsQuery, wanted: Wanted, by: By, expected: int) -> int:
        """Do it to every finding asked for that stands; how many.

        Raises InvalidRecordError where they are not as many as `expected` (more came, or went, since somebody looked),
        or more than MOST_AT_ONCE; else as `act`.
        """
        deed_of(wanted, now_ms())
        found = self.standing(question)
        if len(found) > MOST_AT_ONCE:
            raise InvalidRecordError("value", f"these are more than {MOST_AT_ONCE}: narrow the filters")
        if len(found) != expected:
            raise InvalidRecordError("value", f"these are {len(found)} by now, not {expected}: look again")
        batch = wanted.id or secrets.token_hex(16)
        done = [
            _action(finding, opened_ms, wanted, by, hashlib.sha256(f"{batch} {finding}".encode()).hexdigest()[:32])
            for finding, opened_ms in found
        ]
        self.writer.write(done)
        if done:
            self._wait_for(done[-1])
        return len(done)

    def standing(self, question: FindingsQuery) -> list[tuple[str, int]]:
        """The findings asked for that stand, and when their episode began; MOST_AT_ONCE and one at most."""
        with errors(), self.engine.connect() as connection:
            return queries.unresolved(connection, question, limit=MOST_AT_ONCE + 1)

    def done(self, finding: str) -> list[Done]:
        """What was done to a finding, and which acceptances ended, in the order of time."""
        with errors(), self.engine.connect() as connection:
            recorded = actions.of_finding(connection, finding)
            rows = queries.episodes_of(connection, finding)
        at_ms = now_ms()
        found = [Done.of(each) for each in recorded]
        for row in rows:
            for end in ended_acceptances(recorded, row["opened_ms"], now_ms=at_ms, resolved_ms=row["resolved_ms"]):
                found.append(Done.ended(end))
        return sorted(found, key=lambda each: each.at)

    def audit(self, cursor: str | None, who: str = "") -> AuditPage:
        """What was done to whatever finding, the latest first. Raises InvalidRecordError for a wrong cursor."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise InvalidRecordError("wrong_shape", "the cursor is none that a page has given")
        before = int(cursor) if cursor is not None else None
        with errors(), self.engine.connect() as connection:
            rows = actions.audit(connection, before=before, limit=_AUDIT_PAGE + 1, who=who)
        shown = rows[:_AUDIT_PAGE]
        return AuditPage(
            done=[Done.of(each) for _, each in shown], cursor=str(shown[-1][0]) if len(rows) > len(shown) else None
        )

    def _wait_for(self, action: Action) -> None:
        """So that whoever acts sees it on the next page; where the desk is behind, it comes later."""
        until = time.monotonic() + _SEEN_WITHIN_S
        while time.monotonic() < until:
            with errors(), self.engine.connect() as connection:
                if actions.has(connection, action.finding, action.id):
                    return
            time.sleep(_LOOK_EVERY_S)


def _action(finding: str, opened_ms: int, wanted: Wanted, by: By, name: str) -> Action:
    at_ms = now_ms()
    action = Action(
        id=name, finding=finding, opened_ms=opened_ms, at_ms=at_ms, who=by.who, known_by=by.known_by,
        channel=by.channel, address=by.address[:256], what=deed_of(wanted, at_ms),
    )  # fmt: skip
    return convert(msgspec.to_builtins(action), Action)


def _time(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise InvalidRecordError("value", "opened_at is no time, as an episode has it") from None


Actors = NamedDependency[Acting]
"""How a handler asks for it."""
