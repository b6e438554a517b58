"""The funnel is true at every tick of the hybrid-join story: the stream counts what the oracle counts.

Told to the real projector and evaluator minute by minute; a restart of the worker in between changes nothing.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter

import pytest

from deploy.cli.funnel.funnel import ComputerStanding, Funnel, funnels, percent, standing_of, total
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra import graph_time
from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories import STORIES
from deploy.lab.stories.player import Player
from deploy.lab.sync.clock import LabClock
from deploy.lab.sync.devices import join_certificate
from streams.contracts.counts import Count
from streams.detections.detection import DEFAULT_THRESHOLDS
from streams.detections.registry import all_detections
from streams.evaluation.view_row import load_view
from streams.measures.computers import JOINED, STAGES
from streams.views.device.device_view import DeviceView
from tests.lab.test_hybrid_join_story import CYCLE_MIN, LAST_MIN, NoScheduler
from tests.support.lab_stream import LabStream

pytestmark = pytest.mark.slow

START_MS = int(dt.datetime(2026, 11, 23, 6, tzinfo=dt.UTC).timestamp() * 1000)
DAY_MS = 86_400_000
FAMILY = [each for each in all_detections() if each.detection.family == "hybrid_join"]
APART = {"domain_controller", "disabled", "unsupported_system", "out_of_scope", "not_seen"}


class Time:
    """The lab's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = START_MS
        monkeypatch.setattr(graph_time.time, "time_ns", lambda: self.ms * 1_000_000)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def lab_of(time: Time) -> HybridOrganisation:
    lab = build(150)
    for forest in lab.forests:
        forest.store.clock = lambda: time.ms / 1000
    return lab


def _computer(store: DirectoryStore, dn: str, **attributes: str) -> uuid.UUID:
    account = dn.partition(",")[0].removeprefix("CN=")
    system = {"operatingSystem": "Windows 11 Enterprise", "operatingSystemVersion": "10.0 (22631)"}
    given = {"objectClass": "computer", "sAMAccountName": f"{account}$", "userAccountControl": "4096", **system}
    return store.add(dn, {**given, **attributes})


def tables(stream: LabStream, now_ms: int) -> dict[str, Funnel]:
    """Forest -> its funnel, as the command shows it: from the rows of the views."""
    rows = stream.pipeline.view_rows
    standings: list[ComputerStanding] = []
    for key, _ in list(rows.items("device/")):
        view = load_view(key, rows).view(key)
        assert isinstance(view, DeviceView)
        standing = standing_of(view, DEFAULT_THRESHOLDS, now_ms)
        standings += [standing] if standing is not None else []
    return funnels(standings, "forest")


def places(counted: Counter[str]) -> dict[str, Counter[str]]:
    """Forest -> its computers by where they stand, from the names of the counts."""
    found: dict[str, Counter[str]] = {}
    for name, number in counted.items():
        count = Count.read(name)
        if count.subject == "computers":
            forest, place, _ = count.labels
            found.setdefault(forest, Counter())[place] += number
    return found


def check(stream: LabStream, now_ms: int, *, findings: bool = True) -> Counter[str]:
    expected = stream.expected_counts()
    assert stream.counts == expected, (now_ms - START_MS) / 60_000
    by_forest = places(expected)
    assert {name: funnel.places for name, funnel in tables(stream, now_ms).items()} == by_forest
    if findings:
        ours = {key for key, each in stream.pipeline.open().items() if each.family == "hybrid_join"}
        assert ours == stream.expected_findings(FAMILY).keys(), (now_ms - START_MS) / 60_000
    return sum(by_forest.values(), Counter())


def test_the_funnel_equals_the_oracles_at_every_tick_of_the_story(time: Time) -> None:
    lab = lab_of(time)
    player = Player(STORIES["hybrid_join"](lab), LabClock(), NoScheduler(), now_ms=lambda: time.ms)
    lab.devices.cycle()
    stream, steps, reached, looks = LabStream(lab), list(player.story.steps), Counter[str](), 0

    def look(*, findings: bool = True) -> None:
        nonlocal looks
        stream.look(time.ms)
        reached.update(check(stream, time.ms, findings=findings).keys())
        looks += 1

    for minute in range(LAST_MIN + 1):
        time.ms = START_MS + minute * 60_000
        if minute and minute % CYCLE_MIN == 0:
            lab.engine.cycle()
        look(findings=minute % 5 == 0)
        while steps and steps[0].at_min <= minute:
            player.run_step(steps.pop(0))
            time.ms += 1000
            look()
        if minute % 25 == 24:
            stream.pipeline.restart()
    for days in (0.5, 2, 30, 59.9, 60.1, 95):  # nobody says a word, and counts move all the same
        time.ms = START_MS + int(days * DAY_MS)
        look()
    assert looks > LAST_MIN + 12 and stream.facts > 100
    assert {*STAGES, *APART, "not_planned"} - {"out_of_scope"} == reached.keys()


def test_a_finished_rollout_reads_100_percent_because_what_cannot_join_is_counted_apart(time: Time) -> None:
    lab = lab_of(time)
    joined, unit = lab.forests[1], lab.forests[1].layout.computers_ou
    time.ms = START_MS - 400 * DAY_MS
    _computer(joined.store, "CN=DEAD," + unit)
    time.ms = START_MS
    _computer(joined.store, "CN=OLD," + unit, operatingSystem="Windows 7 Professional", operatingSystemVersion="6.1")
    _computer(joined.store, "CN=OFF," + unit, userAccountControl="4098")
    _computer(joined.store, "CN=AWAY," + joined.layout.service_ou)
    late = _computer(joined.store, "CN=LATE," + unit)
    stream = LabStream(lab)

    stream.look(time.ms)
    check(stream, time.ms)
    funnel = tables(stream, time.ms)[joined.name]
    assert funnel.excluded.keys() == APART and funnel.places["created"] == 1
    assert percent(funnel.share) not in {"100 %", "-"}

    joined.store.modify(late, {"userCertificate": [join_certificate(late)]})
    lab.devices.cycle()
    stream.look(time.ms)
    check(stream, time.ms)
    assert tables(stream, time.ms)[joined.name].places["pending"] == 1
    lab.devices.register(late)
    time.ms += 60_000
    stream.look(time.ms)
    check(stream, time.ms)
    groups = tables(stream, time.ms)
    assert percent(groups[joined.name].share) == "100 %" and sum(groups[joined.name].excluded.values()) == 5
    # Computers of a forest that nobody means to join do not spoil the total either.
    assert percent(total(groups).share) == "100 %"
    assert set(groups[lab.forests[0].name].excluded) == {"not_planned", "domain_controller"}
    assert funnel.counted == sum(number for place, number in funnel.places.items() if place in STAGES)
    assert set(JOINED) >= {place for place, number in groups[joined.name].places.items() if number} - APART
    gaps = [each for each in stream.pipeline.open().values() if each.family == "hybrid_join"]
    assert [each.summary for each in gaps] == []
