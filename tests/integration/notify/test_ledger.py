"""What was told is kept alike in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sinks.history.database import open_database
from sinks.notify.decision import Notified
from sinks.notify.ledger import ChannelState, NotificationLedger
from streams.contracts.finding import Severity
from tests.support.notify import notice
from tests.support.postgresql import postgresql

AT = 1_795_000_000_000
TOLD = Notified(1, 1, open=True, together=False, severity=Severity.HIGH, mark="high abc", times_ms=(AT, AT + 1))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = open_database("", tmp_path_factory.mktemp("history"))
        yield engine
        engine.dispose()
    else:
        with postgresql() as url:
            engine = open_database(url, Path())
            yield engine
            engine.dispose()


def test_a_message_is_kept_until_it_has_arrived(engine: Engine) -> None:
    here, there = NotificationLedger(engine, "here"), NotificationLedger(engine, "there")
    assert here.state(AT) == here.state(AT + 5) == ChannelState(AT)
    here.intend("f1", TOLD, notice())
    there.intend("f1", TOLD, notice())
    here.intend_together({"f2": replace(TOLD, together=True)}, ChannelState(AT, AT + 7, 0, 1), notice(step=9))

    assert {each.finding: each.notice for each in here.outgoing()} == {"f1": notice(), "": notice(step=9)}
    here.delivered("f1", "message 1")
    here.delivered("", "")
    assert here.outgoing() == []
    assert [each.finding for each in there.outgoing()] == ["f1"]
    assert here.notified() == {"f1": replace(TOLD, reference="message 1"), "f2": replace(TOLD, together=True)}
    assert here.state(AT + 9) == ChannelState(AT, AT + 7, 0, 1)
    here.note({"f2": replace(TOLD, open=False)})
    here.forget(["f1"])
    assert here.notified() == {"f2": replace(TOLD, open=False)}
    assert set(there.notified()) == {"f1"}
