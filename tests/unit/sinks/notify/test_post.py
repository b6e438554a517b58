"""A channel at work: what is said, once, and what a kill or a failure leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinks.history.retention import forget
from sinks.history.sink import HistorySink
from sinks.notify.channels.channel import RefusedNoticeError
from sinks.notify.notice import Kind
from sinks.notify.present import Sight
from sinks.sink import Meta
from streams.contracts.actions import Accept, Acknowledge, Action, Deed
from streams.contracts.entries import Tombstone
from streams.contracts.errors import RetriableError
from streams.contracts.times import parse_rfc3339
from streams.contracts.topics import FINDINGS
from streams.runtime.topic_reader import ReaderProgress
from tests.support.findings import START_MS, finding
from tests.support.notify import DESK, World, sight

HOUR_S = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def opens(world: World, *numbers: int) -> None:
    world.now_ms += 1000
    world.say(*(finding(number, at_ms=world.now_ms) for number in numbers))
    world.after(1)


def ends(world: World, number: int, opened_ms: int) -> None:
    record = finding(number, "resolved", at_ms=opened_ms, revision=2)
    world.now_ms = max(world.now_ms, parse_rfc3339(record.updated_at))
    world.say(record)


def threads(world: World) -> list[str]:
    """Of each message the finding and the turn, without what tells one ledger from another."""
    return ["-".join(notice.thread.split("-")[::2]) for notice in world.channel.notices]


def test_another_ledger_finds_no_ticket_of_this_one(tmp_path: Path) -> None:
    worlds = [World(tmp_path / name, at_ms=START_MS + later) for name, later in (("a", 0), ("b", 0), ("c", 1))]
    for world in worlds:
        opens(world, 1)
    first, same, another = (world.channel.notices[0].thread for world in worlds)

    assert first == same != another
    assert threads(worlds[0]) == threads(worlds[2])


def acted(number: int, opened_ms: int, what: Deed, at_ms: int) -> Action:
    return Action(
        id=f"action-{number:04}", finding=finding(number).id, opened_ms=opened_ms, at_ms=at_ms, who="ada",
        known_by="login", channel="page", address="", what=what,
    )  # fmt: skip


def test_a_new_victim_beside_an_old_one_makes_exactly_one_message(world: World) -> None:
    opens(world, 1)
    world.after(3 * HOUR_S)
    opens(world, 2)
    world.after(60)
    world.say(finding(2, at_ms=world.now_ms, revision=2))
    world.after(60)

    assert threads(world) == [f"{finding(1).id}-1", f"{finding(2).id}-1"]


def test_it_names_who_and_leads_to_the_desk_and_the_runbook(world: World) -> None:
    opens(world, 1)
    [said] = world.channel.notices

    assert said.title == "Two objects, one address: smtp:ada1@contoso.com"
    involved = "Ada 1, ada1@contoso.com, CN=Ada 1,OU=Staff,DC=corp,DC=contoso,DC=local"
    assert ("Active Directory (keeps)", involved) in said.facts
    assert said.links == [
        ("Open in SyncHealth", f"{DESK}/f/{finding(1).id}"),
        ("Runbook", f"{DESK}/runbooks/conflict.duplicate_address"),
    ]


def test_the_same_message_is_closed_and_never_while_blind(world: World) -> None:
    opens(world, 1)
    ends(world, 1, world.now_ms - 1000)
    for _ in range(5):
        world.after(HOUR_S, lambda now: sight(now, ago_s=7200))
    assert world.channel.kinds == ["opened"]
    assert world.value("closings_waiting") == 1
    world.after(60)

    assert world.channel.kinds == ["opened", "closed"]
    assert [reference for _, reference in world.channel.sent] == ["", "message 1"]
    assert world.value("closings_waiting") == 0


def test_only_what_a_finding_is_about_must_be_heard(world: World) -> None:
    opens(world, 1)
    opened_ms = world.now_ms - 1000
    ends(world, 1, opened_ms)

    def another_is_away(now: int) -> Sight:
        found = sight(now)
        assert found.fresh is not None
        away = sight(now, ago_s=9000).fresh
        assert away is not None
        other = type(away.sources[0])("ad/other.example", 1.0, away.sources[0].last_contact)
        return Sight(type(away)(now, [*found.fresh.sources, other], found.fresh.lag))

    world.after(60, another_is_away)
    assert world.channel.kinds == ["opened", "closed"]


def test_the_first_reading_is_one_message(world: World) -> None:
    world.present.sight = sight(world.now_ms, whole_ms=0)
    for batch in range(10):
        world.now_ms += 1000
        world.say(*(finding(batch * 100 + number, at_ms=world.now_ms) for number in range(100)))
        world.after(1, lambda now: sight(now, whole_ms=0))
    assert world.channel.sent == []
    read_ms = world.now_ms
    for _ in range(20):
        world.after(60, lambda now: sight(now, whole_ms=read_ms))

    [said] = world.channel.notices
    assert (said.kind, said.title) == (Kind.SUMMARY, "1,000 findings are told together")
    assert "stood when the directories were first read" in said.text
    assert len(said.lines) == 21


def test_what_is_told_after_the_first_reading_but_stood_then_is_told_together(world: World) -> None:
    since = finding(1).opened_at
    world.after(HOUR_S, lambda now: sight(now, whole_ms=START_MS + 1000))
    world.say(*(finding(number, at_ms=world.now_ms, evidence={"since": since}) for number in range(40)))
    for _ in range(2):
        world.after(20, lambda now: sight(now, whole_ms=START_MS + 1000))

    assert world.channel.kinds == ["summary"]


def test_what_stood_before_a_channel_was_set_up_is_one_message(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.say(*(finding(number, at_ms=START_MS - 1) for number in range(100)))
    world.after(1, lambda now: sight(now, whole_ms=1))
    world.after(10, lambda now: sight(now, whole_ms=1))

    [said] = world.channel.notices
    assert "100 stood before this channel was set up" in said.text


def test_too_many_at_once_are_told_together(tmp_path: Path) -> None:
    world = World(tmp_path, most_per_hour=3)
    opens(world, *range(10))
    for _ in range(2):
        world.after(30)

    assert world.channel.kinds == ["opened"] * 3 + ["summary"]
    assert "7 came faster than 3 an hour" in world.channel.notices[-1].text
    world.after(HOUR_S)
    world.say(finding(21, at_ms=world.now_ms))
    world.after(1)
    assert world.channel.kinds[-1] == "opened"


def test_the_end_of_what_was_told_together_is_no_message(world: World) -> None:
    world.say(finding(1, at_ms=START_MS - 1))
    for _ in range(2):
        world.after(10)
    ends(world, 1, START_MS - 1)
    world.after(HOUR_S)
    assert world.channel.kinds == ["summary"]


def test_killed_before_it_knows_that_a_message_arrived_it_sends_the_same_once_more(world: World) -> None:
    def arrives_and_dies() -> None:
        raise KeyboardInterrupt

    opens(world, 1)
    world.post._ledger.delivered = lambda *_: arrives_and_dies()  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        opens(world, 2)
    first = world.channel.notices[-1]
    world.start(finding(1), finding(2, at_ms=world.now_ms, summary="another word"))
    world.after(1)
    world.after(60)

    assert threads(world) == [f"{finding(1).id}-1", f"{finding(2).id}-1", f"{finding(2).id}-1"]
    assert world.channel.notices[1].key == first.key
    assert world.channel.notices[-1] == first


def test_a_channel_that_is_away_hears_how_things_are_and_not_how_they_went(world: World) -> None:
    world.channel.fails = [RetriableError("away")] * 3
    opens_ms = world.now_ms + 1000
    with pytest.raises(RetriableError):
        opens(world, 1, 2)
    ends(world, 2, opens_ms)
    for _ in range(2):
        with pytest.raises(RetriableError):
            world.after(60)
    assert world.value("messages_total", kind="opened", outcome="failed") == 3
    world.after(60)

    assert world.channel.kinds == ["opened"]
    assert threads(world)[0] == f"{finding(1).id}-1"


def test_a_message_that_is_refused_holds_up_no_other_and_is_tried_again_in_an_hour(world: World) -> None:
    world.channel.fails = [RefusedNoticeError("too long")]
    opens(world, 1, 2)
    assert threads(world) == [f"{finding(2).id}-1"]
    assert world.value("messages_refused") == 1
    world.after(HOUR_S)

    assert threads(world)[-1] == f"{finding(1).id}-1"
    assert world.value("messages_refused") == 0


def test_a_finding_that_is_acknowledged_is_not_told_and_one_whose_acceptance_ends_is(world: World) -> None:
    world.now_ms += 1000
    opened_ms = world.now_ms
    world.say(
        finding(1, at_ms=opened_ms), acted(1, opened_ms, Acknowledge(), opened_ms),
        finding(2, at_ms=opened_ms),
        acted(2, opened_ms, Accept(until_ms=opened_ms + 600_000, reason="migration"), opened_ms),
    )  # fmt: skip
    world.after(60)
    assert world.channel.sent == []
    world.after(600)

    assert threads(world) == [f"{finding(2).id}-1"]


def test_suppressed_findings_are_not_told(world: World) -> None:
    world.say(finding(1, "suppressed", at_ms=world.now_ms + 1))
    world.after(60)
    assert world.channel.sent == []


def test_a_finding_that_is_forgotten_before_its_end_was_told_is_closed(world: World) -> None:
    opens(world, 1)
    world.say(Tombstone(finding(1).id))
    world.after(60)
    assert world.channel.kinds == ["opened", "closed"]
    world.after(60)
    assert world.post._ledger.notified() == {}


def test_a_digest_counts_what_opened_and_what_ended_and_says_when_it_is_blind(tmp_path: Path) -> None:
    world = World(tmp_path, route={"deliver": "digest", "interval_s": 86400.0}, digest_s=86400.0)
    opens(world, 1, 2, 3)
    ends(world, 1, world.now_ms - 1000)
    world.after(HOUR_S)
    assert world.channel.sent == []
    world.after(86400, lambda now: sight(now, ago_s=7200))
    [said] = world.channel.notices
    assert said.title == "2 opened, 1 resolved, 2 open"
    assert "Not everything is known" in said.note
    world.after(86400)
    assert len(world.channel.sent) == 1  # nothing opened and nothing ended


def test_a_restart_says_nothing_again(world: World) -> None:
    opens(world, 1)
    opened_ms = world.now_ms - 1000
    world.start(finding(1, at_ms=opened_ms))
    world.after(60)
    assert world.channel.kinds == ["opened"]


def test_nothing_is_said_before_it_is_known_how_much_is_known(world: World) -> None:
    opens(world, 1)
    world.start(finding(1))
    world.present.sight = Sight()
    world.say(finding(2, at_ms=world.now_ms + 1))
    world.post.turn()
    assert world.channel.kinds == ["opened"]


def test_who_is_forgotten_waits_in_no_message(world: World) -> None:
    history = HistorySink(world.engine)
    world.channel.fails = [RetriableError("away")]
    with pytest.raises(RetriableError):
        opens(world, 1)
    record = finding(1, at_ms=world.now_ms - 1000)
    history.add(record, Meta(FINDINGS.name, 0, 0, world.now_ms, live=True))
    history.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    [waits] = world.post._ledger.outgoing()
    assert waits.notice.finding == record

    assert forget(world.engine, [record.counterparts[0].id]) == 1
    assert world.post._ledger.outgoing() == []
