"""Being woken by the directory itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.lab.directory.limits import Limits
from streams.contracts.facts import Operation
from tests.integration.ad.conftest import Reading, lab_dc
from tests.support.samba import SambaDC

pytestmark = pytest.mark.samba

Make = Callable[..., Reading]
NEVER_S = 600.0  # no poll within any test


def notifies(source: Reading) -> bool:
    """Whether a notification comes; the poll is out of the way."""
    context = next(iter(source.source._contexts.values()))
    return source.source._wakeup.wait([context.session.notification], 120)[1]


def test_every_kind_of_change_notifies(directory: SambaDC, reading: Make) -> None:
    source = reading(directory, poll_interval_s=NEVER_S)
    source.drain()
    source.source.wait(0.2)  # opens the notification search
    dn = directory.add_user("change.user")
    assert notifies(source)
    directory.modify(dn, {"mail": "change@contoso.com"})
    assert notifies(source)
    directory.delete(dn)
    assert notifies(source)
    assert {fact.op for fact in source.drain()} == {Operation.DELETED}


def test_waiting_ends_with_the_notification_long_before_the_poll(directory: SambaDC, reading: Make) -> None:
    source = reading(directory, poll_interval_s=NEVER_S)
    source.drain()
    source.source.wait(0.2)
    directory.add_user("notified.user")
    source.source.wait(NEVER_S)
    assert [fact.op for fact in source.drain()] == [Operation.CREATED]


def test_notifications_are_asked_for_again_after_the_server_was_away(own_directory: SambaDC, reading: Make) -> None:
    source = reading(own_directory)
    source.drain()
    source.source.wait(0.2)
    own_directory.stop()
    source.source.wait(60)
    own_directory.start()
    source.drain()
    context = next(iter(source.source._contexts.values()))
    context.session.notification._open_at = 0.0
    source.source.wait(0.2)
    own_directory.add_user("after.return")
    assert notifies(source)


def test_a_directory_that_refuses_notifications_is_polled(tmp_path: Path, reading: Make) -> None:
    with lab_dc(tmp_path, limits=Limits(max_notifications_per_connection=0)) as lab:
        source = reading(lab)
        source.drain()
        source.source.wait(0.3)
        lab.add_user("polled.user")
        source.source.wait(60)
        assert [fact.op for fact in source.drain()] == [Operation.CREATED]
        assert next(iter(source.source._contexts.values())).session.notification.fileno() == -1
