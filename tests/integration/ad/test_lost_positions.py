"""Positions that are worth nothing: everything is read again, and what is gone is found out."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from streams.contracts.facts import Fact, Operation
from tests.integration.ad.conftest import LabDC, Reading
from tests.support.samba import SambaDC

pytestmark = pytest.mark.samba

Make = Callable[..., Reading]


def deleted(facts: list[Fact]) -> set[str]:
    return {fact.object_id for fact in facts if fact.op is Operation.DELETED}


def is_full_pass(facts: list[Fact]) -> bool:
    return sum(fact.op is Operation.READ for fact in facts) > 10


def test_a_restart_repeats_nothing_that_was_saved(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    source.restart()
    directory.add_user("saved.user")
    facts = source.drain()
    assert [fact.op for fact in facts] == [Operation.CREATED]


def test_sequence_numbers_go_on_above_the_saved_ones(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    last = max(fact.seq for fact in source.drain())
    source.restart()
    directory.add_user("seq.user")
    assert min(fact.seq for fact in source.drain()) > last


@pytest.mark.parametrize("cookie", [b"junk", b"MSDS\x03", b""], ids=["junk", "truncated", "empty"])
def test_a_refused_cookie_leads_to_a_full_pass_that_finds_deletions(
    directory: SambaDC, reading: Make, cookie: bytes
) -> None:
    dn = directory.add_user(f"refused{cookie.hex()}")
    object_id = str(uuid.UUID(bytes_le=directory.guid(dn)))
    source = reading(directory)
    source.drain()
    directory.delete(dn)
    source.restart(lambda position: position.update(cookie=base64.b64encode(cookie).decode(), complete=bool(cookie)))
    facts = source.drain()
    assert is_full_pass(facts)
    assert deleted(facts) == {object_id}
    assert source.drain() == []


def test_the_cookie_of_another_domain_is_not_used(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    source.restart(lambda position: position.update(domain_guid="00000000-0000-0000-0000-000000000000"))
    assert is_full_pass(source.drain())


def test_a_damaged_position_is_not_used(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    source.restart(lambda position: position.update(servers="none"))
    assert is_full_pass(source.drain())


def test_a_cookie_older_than_the_tombstones_is_not_used(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    source.restart(lambda position: position.update(contact_ms=1))
    assert is_full_pass(source.drain())


def test_a_restored_server_is_read_anew(own_directory: SambaDC, reading: Make) -> None:
    source = reading(own_directory)
    source.drain()
    if isinstance(own_directory, LabDC):
        own_directory.store.simulate_restore_from_backup()
        source.source.close()
    else:
        own_directory.stop()
        own_directory.set_invocation_id(uuid.uuid4().bytes_le)
        own_directory.start()
    source.restart()
    assert is_full_pass(source.drain())


def test_a_rolled_back_database_is_read_anew(own_directory: SambaDC, reading: Make) -> None:
    """The dangerous one: Samba takes the cookie, says nothing, and what happens next is lost."""
    if isinstance(own_directory, LabDC):
        usn = own_directory.store.highest_committed_usn
        source = reading(own_directory)
        for number in range(5):
            own_directory.add_user(f"lost{number}")
        source.drain()
        own_directory.store.simulate_usn_rollback(usn)
    else:
        own_directory.stop()
        before = own_directory.snapshot()
        own_directory.start()
        source = reading(own_directory)
        for number in range(5):
            own_directory.add_user(f"lost{number}")
        source.drain()
        own_directory.stop()
        own_directory.roll_back(before)
        own_directory.start()
    source.restart()
    facts = source.drain()
    assert is_full_pass(facts)
    if not isinstance(own_directory, LabDC):  # the lab's objects outlive its rollback
        assert len(deleted(facts)) == 5, "what the older database never had is gone"


def test_objects_out_of_sight_are_no_deletions(own_directory: SambaDC, reading: Make) -> None:
    """What a rolled-back database never had leaves no tombstone: nobody says that it was deleted."""
    source = reading(own_directory)
    source.drain()
    invented = "11111111-2222-3333-4444-555555555555"
    context = next(iter(source.source._contexts.values()))
    context.published.add(invented)
    own_directory.add_user("any.user")
    source.drain()
    source.restart(lambda position: position.update(complete=False, cookie=""))
    assert invented not in deleted(source.drain())
    assert invented in next(iter(source.source._contexts.values())).published


def test_the_sweep_finds_what_the_log_missed(directory: SambaDC, reading: Make) -> None:
    kept, dropped = directory.add_user("sweep.kept"), directory.add_user("sweep.gone")
    kept_id, dropped_id = (str(uuid.UUID(bytes_le=directory.guid(dn))) for dn in (kept, dropped))
    source = reading(directory)
    source.drain()
    directory.delete(dropped)
    source.drain()
    context = next(iter(source.source._contexts.values()))
    context.published.add(dropped_id)  # as if its tombstone had never come
    context.published.discard(kept_id)  # as if it had never been seen
    context.position.swept_ms = 0
    facts = source.drain()
    assert deleted(facts) == {dropped_id}
    assert [(fact.object_id, fact.full) for fact in facts if fact.op is Operation.READ] == [(kept_id, True)]


def test_an_interrupted_first_snapshot_goes_on(own_directory: SambaDC, reading: Make) -> None:
    source = reading(own_directory)
    source.step()
    source.restart()
    facts: list[Any] = source.facts + source.drain()
    assert len({fact.object_id for fact in facts}) == len(next(iter(source.source._contexts.values())).published)
