"""A member of the group over restarts, and what it does when the group has another one in its place."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.agents.delivery.faust import follow_membership
from streams.agents.delivery.lease import Lease
from streams.agents.delivery.membership import claim
from streams.contracts.errors import FatalError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Coordinator:
    """As much of aiokafka's as is followed."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.answers, self.takes_s = clock, True, 0.0
        self.member_id, self._group_instance_id = "member", "worker-0"
        self.error_code = 0
        self.refuses_to_join = False
        self.left_as: list[str | None] = []
        self.failures: list[BaseException] = []

    async def _do_heartbeat(self) -> bool:
        self.clock.now += self.takes_s
        return self.answers

    async def _send_req(self, request: object) -> object:
        return SimpleNamespace(error_code=self.error_code)

    async def _do_rejoin_group(self, subscription: object) -> bool:
        await self._send_req("join")
        if self.refuses_to_join:
            self.reset_generation()
        return not self.refuses_to_join

    async def _maybe_leave_group(self) -> None:
        self.left_as.append(self._group_instance_id)
        self.reset_generation()

    def reset_generation(self) -> None:
        self.member_id = ""


def followed() -> tuple[Lease, Coordinator]:
    clock = Clock()
    lease, coordinator = Lease(10, clock), Coordinator(clock)
    follow_membership(lease, coordinator, coordinator.failures.append)
    return lease, coordinator


async def test_the_lease_lasts_as_long_as_heartbeats_are_answered() -> None:
    lease, coordinator = followed()
    clock = coordinator.clock
    for _ in range(5):
        clock.now += 8
        lease.check()
        assert await coordinator._do_heartbeat()
    coordinator.answers = False
    clock.now += 8
    assert not await coordinator._do_heartbeat()
    lease.check()
    clock.now += 2
    with pytest.raises(FatalError, match="no heartbeat was answered for 10"):
        lease.check()


async def test_a_heartbeat_counts_from_when_it_was_asked() -> None:
    lease, coordinator = followed()
    coordinator.takes_s = 9.5  # the process slept between question and answer
    assert await coordinator._do_heartbeat()
    with pytest.raises(FatalError):
        lease.check()


async def test_whom_the_group_forgot_writes_no_more_until_it_is_a_member_again() -> None:
    lease, coordinator = followed()
    lease.check()
    coordinator.reset_generation()  # "unknown member", as a heartbeat or a commit hears it
    with pytest.raises(FatalError, match="given the partitions of this worker to another"):
        lease.check()
    lease.renew()
    lease.check()


async def test_it_asks_for_its_place_as_who_it_was_and_as_a_stranger_only_when_the_group_says_so() -> None:
    _, coordinator = followed()
    coordinator.reset_generation()
    assert coordinator.member_id == "member"
    coordinator.refuses_to_join = True
    assert not await coordinator._do_rejoin_group(None)
    assert coordinator.member_id == ""


async def test_where_another_has_its_place_it_ends() -> None:
    _, coordinator = followed()
    coordinator.error_code = 82  # FENCED_INSTANCE_ID
    await coordinator._do_rejoin_group(None)
    assert [type(each) for each in coordinator.failures] == [FatalError]


async def test_asked_to_stop_it_leaves_as_a_member_without_a_name_does() -> None:
    _, coordinator = followed()
    await coordinator._maybe_leave_group()
    assert coordinator.left_as == [None]
    assert coordinator._group_instance_id == "worker-0"


@pytest.fixture
def boot_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SYNCHEALTH_BOOT_ID", raising=False)
    file = tmp_path / "boot_id"
    file.write_text("boot-1\n")
    return file


def folder(parent: Path) -> Path:
    made = parent / "worker-0"
    made.mkdir(parents=True)
    return made


def test_the_same_folder_is_the_same_member_once_its_holder_is_gone(
    tmp_path: Path, boot_id: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, opened = folder(tmp_path), []
    monkeypatch.setattr(os, "open", lambda *arguments, opener=os.open: opened.append(opener(*arguments)) or opened[-1])
    first = claim(here, boot_id)
    with pytest.raises(FatalError, match="another worker runs with the data folder"):
        claim(here, boot_id)
    for descriptor in opened:
        os.close(descriptor)
    assert first is not None
    assert first.startswith("worker-0-boot-1-")
    assert claim(here, boot_id) == first


def test_another_folder_and_another_boot_are_other_members(tmp_path: Path, boot_id: Path) -> None:
    names = {claim(folder(tmp_path / "a"), boot_id), claim(folder(tmp_path / "b"), boot_id)}
    boot_id.write_text("boot-2\n")
    names.add(claim(folder(tmp_path / "c"), boot_id))
    assert len(names) == 3


def test_a_copied_folder_is_another_member(tmp_path: Path, boot_id: Path) -> None:
    first = folder(tmp_path / "a")
    name = claim(first, boot_id)
    copy = folder(tmp_path / "b")
    (copy / "member.lock").write_bytes((first / "member.lock").read_bytes())
    assert claim(copy, boot_id) != name


def test_without_a_boot_to_name_there_is_no_lasting_member(tmp_path: Path, boot_id: Path) -> None:
    boot_id.unlink()
    assert claim(folder(tmp_path), boot_id) is None


def test_the_unit_hands_the_boot_down(tmp_path: Path, boot_id: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot_id.unlink()
    monkeypatch.setenv("SYNCHEALTH_BOOT_ID", "boot-of-systemd")
    assert (claim(folder(tmp_path), boot_id) or "").startswith("worker-0-boot-of-systemd-")
