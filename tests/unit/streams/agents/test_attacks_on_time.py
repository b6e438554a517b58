"""Records whose times cannot be, by the whole way: the shipper's document, mapping, agents, views, rules.

Each is played beside the same story without it: a day and a month later both tell the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from producers.eventlog.winlogbeat import winlogbeat_events
from streams.agents.metrics import CLAMPED_TIMES
from streams.agents.plausible import fact_in_time, is_outdated
from streams.contracts.codec import decode
from streams.contracts.events import Event, Log
from streams.contracts.facts import Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Finding
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.contracts.topics import FINDINGS, VIEWS
from streams.contracts.views import ContributionChunk, Tick
from streams.runtime.clock import CLOCK_SKEW_MS
from tests.support.agents import Agents
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT

MINUTE_MS, DAY_MS = 60_000, 86_400_000
IN_2099 = parse_rfc3339("2099-01-01T00:00:00Z")
RESET, DIRSYNC = "PasswordResetService", "Directory Synchronization"
HELD_BACK = (
    "Prevent Accidental Deletes: The number of deletions for this sync cycle (100 pending deletes) has exceeded the "
    "current threshold of 50 objects. Deletions will be suppressed for this sync cycle."
)
DOWN, THRESHOLD = "writeback.writeback_service_down", "engine.deletion_threshold_reached"


class Site:
    """A Connect server and a tenant that is synchronised every half hour."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.agents, self._records = Agents(monkeypatch, START_MS), 0
        self.synchronised()
        self.agents.watermark(AD)
        self.agents.watermark(ENTRA)

    def synchronised(self) -> None:
        now_ms = self.agents.now_ms
        self.agents.tenant(TenantState(
            tenant=TENANT, seq=now_ms << 12, ts_ms=now_ms, collected=True,
            organization={"displayName": "Contoso", "onPremisesSyncEnabled": True, "readDateTime": rfc3339(now_ms),
                          "onPremisesLastSyncDateTime": rfc3339(now_ms)},
        ))  # fmt: skip

    def ship(self, provider: str, event_id: int, text: str, *, ts_ms: int | None = None, level: str = "information",
             server: str = "AADC01") -> None:  # fmt: skip
        self._records += 1
        self.agents.events(*winlogbeat_events({
            "@timestamp": rfc3339(self.agents.now_ms if ts_ms is None else ts_ms), "log": {"level": level},
            "message": text, "winlog": {"provider_name": provider, "event_id": event_id, "record_id": self._records,
            "channel": "Application", "computer_name": f"{server}.contoso.local", "event_data": {"param1": text}},
        }, TENANT, self.agents.now_ms))  # fmt: skip

    def alive(self) -> None:
        self.ship(RESET, 31019, "ServiceBusHeartBeat")

    def goes_on(self, days: int, *, writes_passwords: bool, step_ms: int = 6 * 3_600_000) -> None:
        """The server goes on pinging for password hashes; of password writeback it may say nothing more."""
        for _ in range(days * DAY_MS // step_ms):
            self.agents.pass_time(step_ms, ticks=2)
            self.synchronised()
            self.ship(DIRSYNC, 654, "Provision credentials ping end.")
            if writes_passwords:
                self.alive()


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Site]:
    return lambda: Site(monkeypatch)


@pytest.mark.parametrize(
    ("event_id", "text"), [(31019, "ServiceBusHeartBeat"), (31013, "Disabled"), (31015, "Started")]
)
def test_no_heartbeat_and_no_switch_of_2099_keeps_a_dead_service_alive(
    sites: Callable[[], Site], event_id: int, text: str
) -> None:
    site = sites()
    site.alive()
    site.ship(RESET, event_id, text, ts_ms=IN_2099)
    for _ in range(4):  # it lives after that, whatever the record said, and then no more
        site.agents.pass_time(5 * MINUTE_MS, ticks=1)
        site.alive()
    for days in (1, 30):
        site.goes_on(1, writes_passwords=False)
        assert DOWN in site.agents.open(), days
        site.alive()
        site.goes_on(28 if days == 1 else 0, writes_passwords=True, step_ms=DAY_MS)
        for _ in range(4):
            site.agents.pass_time(5 * MINUTE_MS, ticks=1)
            site.alive()
        assert DOWN not in site.agents.open(), days


def test_a_deletion_threshold_of_2099_ends_as_one_of_today(sites: Callable[[], Site]) -> None:
    site = sites()
    kim, cloud = guid_of("kim"), guid_of("kim-cloud")
    now = site.agents.now_ms
    site.agents.tell(AD, Fact(
        op=Operation.READ, object_id=kim, seq=now << 12, ts_ms=now, kind=ObjectKind.USER, full=True,
        attributes={"distinguishedName": "CN=Kim,DC=c", "objectSid": sid_of("kim"), "userPrincipalName": "kim@c.com"},
    ))  # fmt: skip
    site.agents.tell(ENTRA, Fact(
        op=Operation.READ, object_id=cloud, seq=now << 12, ts_ms=now, kind=ObjectKind.USER, full=True,
        attributes={"userPrincipalName": "kim@c.com", "onPremisesImmutableId": immutable_id_of_guid(kim),
                    "onPremisesSyncEnabled": True},
    ))  # fmt: skip
    site.ship(DIRSYNC, 116, HELD_BACK, ts_ms=IN_2099, level="warning")
    found = site.agents.open()[THRESHOLD]
    assert found.evidence["last_held_back"] == rfc3339(now)
    site.agents.tell(AD, Fact(op=Operation.DELETED, object_id=kim, seq=(now + 1) << 12, ts_ms=now + 1))
    site.goes_on(1, writes_passwords=False)
    assert THRESHOLD not in site.agents.open()
    assert "flow.orphaned_in_cloud" in site.agents.open(), "the finding that the threshold was to explain away"


def test_no_record_of_the_views_topic_moves_time_or_words_to_2099(sites: Callable[[], Site]) -> None:
    site = sites()
    for poison in (Tick(now_ms=IN_2099), ContributionChunk(sent_ms=IN_2099, items=[])):
        site.agents.put(VIEWS.name, poison)
    site.alive()
    for days in (1, 30):
        site.goes_on(days if days == 1 else 0, writes_passwords=False)
        found = site.agents.open()[DOWN]
        opened_ms = parse_rfc3339(found.opened_at)
        assert site.agents.now_ms - DAY_MS <= opened_ms <= site.agents.now_ms, days
        site.goes_on(28 if days == 1 else 0, writes_passwords=True, step_ms=DAY_MS)
        site.alive()
        site.agents.restart()
        site.goes_on(1, writes_passwords=False)
    times = [decode(value, Finding).updated_at for _, value, _ in site.agents.log[FINDINGS.name] if value]
    assert max(times) <= rfc3339(site.agents.now_ms)


def test_a_number_of_2099_wins_over_no_later_word(sites: Callable[[], Site]) -> None:
    """A source whose clock was in the future for a minute silences itself for what clocks may differ, not 73 years."""
    site = sites()
    ada, bob = guid_of("ada"), guid_of("bob")

    def user(object_id: str, name: str, mail: str, seq_ms: int, **more: Any) -> Fact:
        return Fact(
            op=Operation.READ, object_id=object_id, seq=seq_ms << 12, ts_ms=site.agents.now_ms, kind=ObjectKind.USER,
            full=True, attributes={"distinguishedName": f"CN={name},DC=c", "objectSid": sid_of(name),
                                   "sAMAccountName": name,
                                   "userPrincipalName": f"{name}@c.com", "mail": mail} | more,
        )  # fmt: skip

    site.agents.tell(AD, user(ada, "ada", "one@c.com", site.agents.now_ms), user(bob, "bob", "one@c.com", IN_2099))
    assert "conflict.duplicate_address" in site.agents.open()
    site.agents.pass_time(CLOCK_SKEW_MS + 1, ticks=1)
    site.agents.tell(AD, user(bob, "bob", "two@c.com", site.agents.now_ms))
    assert "conflict.duplicate_address" not in site.agents.open()


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("approximateLastSignInDateTime", "2099-01-01T00:00:00Z", rfc3339(START_MS)),
        ("registrationDateTime", "0001-01-01T00:00:00Z", None),  # Graph's "never"
        ("lastPasswordChangeDateTime", rfc3339(START_MS - DAY_MS), rfc3339(START_MS - DAY_MS)),
        ("pwdLastSet", (IN_2099 + 11_644_473_600_000) * 10_000, (START_MS + 11_644_473_600_000) * 10_000),
        ("pwdLastSet", 0, 0),  # must change it at the next sign-in
        ("accountExpires", 0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF),  # a time of the future by its nature
        ("displayName", "2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
        (
            "onPremisesProvisioningErrors",
            [{"occurredDateTime": "2099-01-01T00:00:00Z", "value": "x"}],
            [{"occurredDateTime": rfc3339(START_MS), "value": "x"}],
        ),
        (
            "userCertificate",
            ["AB 2099-01-01T00:00:00Z 2100-01-01T00:00:00Z CN x", "no certificate"],
            [f"AB {rfc3339(START_MS)} 2100-01-01T00:00:00Z CN x", "no certificate"],
        ),
    ],
)
def test_the_times_that_objects_tell_are_of_the_past(
    sites: Callable[[], Site], name: str, value: Any, kept: Any
) -> None:
    fact = Fact(op=Operation.READ, object_id=guid_of("a"), seq=1, ts_ms=START_MS, attributes={name: value, "x": "y"})
    assert fact_in_time(fact, START_MS).attributes == {name: kept, "x": "y"}


def _counted(kind: str, source: str) -> float:
    return CLAMPED_TIMES.labels(kind, source)._value.get()


def test_what_is_older_than_any_shipper_lags_is_left_out_and_counted_by_its_source(sites: Callable[[], Site]) -> None:
    site = sites()
    before = _counted("outdated", "eventlog/test")
    site.ship(RESET, 31019, "ServiceBusHeartBeat", ts_ms=site.agents.now_ms - 31 * DAY_MS)
    site.ship(RESET, 31019, "ServiceBusHeartBeat", ts_ms=0)
    site.ship(RESET, 31019, "ServiceBusHeartBeat", ts_ms=site.agents.now_ms - 29 * DAY_MS)
    assert _counted("outdated", "eventlog/test") - before == 2


def test_a_reader_with_a_slow_clock_makes_nothing_late() -> None:
    """What was read ten days before it arrived was read when it arrived: patience counts from there."""
    old_ms = START_MS - 10 * DAY_MS
    fact = Fact(op=Operation.UPDATED, object_id=guid_of("a"), seq=1, ts_ms=old_ms, changed_ms=old_ms)
    kept = fact_in_time(fact, START_MS, by_broker=True)
    assert (kept.ts_ms, kept.changed_ms) == (START_MS, START_MS)
    known = Fact(op=Operation.READ, object_id=guid_of("a"), seq=1, ts_ms=START_MS, changed_ms=old_ms)
    assert fact_in_time(known, START_MS, by_broker=True) is known
    assert fact_in_time(fact, START_MS) is fact, "a record that was read late proves nothing by this machine's time"


def test_invented_names_of_sources_make_no_more_series_than_there_are_sources() -> None:
    event = Event(id="1", log=Log.WINDOWS, name="x", tenant="t", ts_ms=0, seen_ms=0)
    for number in range(300):
        is_outdated(event, START_MS, f"invented/{number}")
    sources = {sample.labels["source"] for metric in CLAMPED_TIMES.collect() for sample in metric.samples}
    assert len(sources) <= 102
    assert "other" in sources
