"""The player: repairs wait for their findings, the sync engine is held where it would interfere, times are kept."""

from __future__ import annotations

import asyncio

import pytest

from deploy.lab.stories.player import Player
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.clock import LabClock

FAULT, OTHER = Expectation("conflict.x", "user/t/1"), Expectation("conflict.x", "user/t/2")


class Scheduler:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def hold(self) -> None:
        self.calls.append("hold")

    def release(self) -> None:
        self.calls.append("release")


def story(acts: list[str], **fault: bool) -> Story:
    def act(name: str):
        return lambda: acts.append(name)

    return Story(
        "s",
        "",
        [
            Step(name="fault", at_min=0, told="", act=act("fault"), opens=[FAULT], **fault),
            Step(name="more", at_min=1, told="", act=act("more"), opens=[OTHER]),
            Step(name="repair", at_min=2, told="", act=act("repair"), repairs=["fault", "more"]),
        ],
    )


async def until(condition) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


async def test_nothing_is_repaired_before_it_was_seen_and_the_story_ends_with_the_last_resolution() -> None:
    acts: list[str] = []
    player = Player(story(acts), LabClock(1e6), Scheduler())
    playing = asyncio.create_task(player.play())
    await until(lambda: acts == ["fault"])
    await asyncio.sleep(0.2)
    assert acts == ["fault"], "the second step waits for the first finding"
    player.saw(FAULT.finding, is_open=True)
    await until(lambda: acts == ["fault", "more"])
    await asyncio.sleep(0.2)
    assert acts == ["fault", "more"], "the repair waits for all that it repairs"
    player.saw(OTHER.finding, is_open=True)
    await until(lambda: acts[-1] == "repair")
    player.saw(FAULT.finding, is_open=False)
    await asyncio.sleep(0.2)
    assert not playing.done()
    player.saw(OTHER.finding, is_open=False)
    await asyncio.wait_for(playing, 120)


async def test_the_sync_engine_is_held_until_its_findings_were_seen() -> None:
    scheduler, acts = Scheduler(), []
    player = Player(story(acts, holds_sync=True), LabClock(1e6), scheduler)
    playing = asyncio.create_task(player.play())
    await until(lambda: acts == ["fault"])
    assert scheduler.calls == ["hold"]
    player.saw(FAULT.finding, is_open=True)
    await until(lambda: scheduler.calls == ["hold", "release"])
    playing.cancel()


def test_latency_counts_from_the_fault_and_from_the_repair() -> None:
    now = [1000]
    player = Player(story([]), LabClock(), Scheduler(), now_ms=lambda: now[0])
    steps = player.story.steps
    player.run_step(steps[0])
    player.saw(FAULT.finding, is_open=True, at_ms=1250)
    now[0] = 5000
    player.run_step(steps[2])
    found = player.saw(FAULT.finding, is_open=False, at_ms=5100)
    assert found is not None
    assert (found.open_latency_ms, found.resolve_latency_ms) == (250, 100)


def test_a_condition_of_the_directories_decides_when_a_fault_begins_and_ends() -> None:
    stands, now = [False], [0]
    quarantine = Expectation("conflict.q", "address/t/x", lambda: stands[0])
    steps = [Step(name="write", at_min=0, told="", act=lambda: None, opens=[quarantine])]
    player = Player(Story("s", "", steps), LabClock(), Scheduler(), now_ms=lambda: now[0])
    player.run_step(steps[0])
    progress = player.progress[quarantine.finding]
    assert progress.faulty_ms is None
    for now[0], stands[0] in ((10, True), (20, True), (30, False), (40, False)):
        player.look()
    assert (progress.faulty_ms, progress.repaired_ms) == (10, 30)


def test_a_finding_may_come_before_the_player_has_looked_at_what_it_is_about() -> None:
    stands = [False]
    quarantine = Expectation("conflict.q", "address/t/x", lambda: stands[0])
    steps = [Step(name="write", at_min=0, told="", act=lambda: None, opens=[quarantine])]
    player = Player(Story("s", "", steps), LabClock(), Scheduler(), now_ms=lambda: 10)
    player.run_step(steps[0])
    early = player.saw(quarantine.finding, is_open=True, at_ms=4)
    assert early is not None and early.faulty_ms is None, "a finding without its fault is no proof of it"
    stands[0] = True
    player.saw(quarantine.finding, is_open=True, at_ms=5)
    player.look()
    assert early.faulty_ms == 5


def test_a_finding_that_opens_again_is_not_resolved() -> None:
    player = Player(story([]), LabClock(), Scheduler())
    for is_open in (True, False, True):
        found = player.saw(FAULT.finding, is_open=is_open)
    assert found is not None and not found.done


def test_findings_the_story_does_not_name_are_none_of_its_business() -> None:
    assert Player(story([]), LabClock(), Scheduler()).saw("0" * 16, is_open=True) is None


def test_a_repair_must_name_a_step() -> None:
    with pytest.raises(ValueError, match="repairs name no step"):
        Story("s", "", [Step(name="a", at_min=0, told="", act=lambda: None, repairs=["b"])])
