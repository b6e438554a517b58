"""Users who stand with a failed password operation are counted by class, as the oracle counts them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.counts import Count
from streams.contracts.events import Event, Log
from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.contracts.identity import immutable_id_of_guid
from streams.evaluation.oracle import expected_counts
from tests.laws.test_writeback_convergence import DAY_MS, LATER_MS, RandomPasswords, disordered
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, TENANT, Pipeline

MINUTE_MS = 60_000


def counted(counts: Counter[str]) -> dict[tuple[str, ...], int]:
    """(forest, class, server) -> users."""
    found = {Count.read(name): number for name, number in (+counts).items()}
    return {count.labels: number for count, number in found.items() if count.subject == "writeback"}


class Desk(Pipeline):
    """Two users of one forest, of whom the server's log tells."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("ann", "bob"):
            attributes = {"sAMAccountName": name, "distinguishedName": f"CN={name},DC=corp", "objectSid": sid_of(name)}
            self.feed(AD, [Fact(op=Operation.READ, object_id=guid_of(name), seq=1, ts_ms=START_MS, full=True,
                                kind=ObjectKind.USER, attributes=attributes)])  # fmt: skip

    def server(self, name: str, at_ms: int, number: int, error: str | None = None) -> None:
        details: dict[str, Any] = {"tracking_id": f"{name}-{at_ms}", **({"error_code": error} if error else {})}
        event = Event(id=f"{name}-{at_ms}-{number}", log=Log.WINDOWS, name=f"passwordresetservice/{number}",
                      tenant=TENANT, ts_ms=at_ms, seen_ms=at_ms, server="aadc01", details=details,
                      source_anchor=immutable_id_of_guid(guid_of(name)))  # fmt: skip
        self.log([event], now_ms=at_ms)

    @property
    def users(self) -> dict[tuple[str, ...], int]:
        return counted(self.partition.counts)


def test_a_user_counts_once_under_the_class_of_the_latest_failure_until_a_success_or_a_day() -> None:
    desk, now_ms = Desk(), START_MS
    assert desk.users == {}
    desk.server("ann", now_ms, 31003, "33008")
    desk.server("bob", now_ms, 31003, "33008")
    assert desk.users == {("corp", "password_policy", "aadc01"): 2}
    desk.server("ann", now_ms + 20 * MINUTE_MS, 31003, "33008")
    assert desk.users == {("corp", "password_policy", "aadc01"): 2}, "who tries again is no other user"
    desk.server("ann", now_ms + 40 * MINUTE_MS, 31003, "33004")
    assert desk.users == {("corp", "password_policy", "aadc01"): 1, ("corp", "permission", "aadc01"): 1}
    desk.restart()
    desk.server("ann", now_ms + 60 * MINUTE_MS, 31002)
    assert desk.users == {("corp", "password_policy", "aadc01"): 1}
    desk.tick(now_ms + DAY_MS + MINUTE_MS)
    assert desk.users == {}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 30))
def test_the_stream_counts_what_the_oracle_counts(seed: int, steps: int) -> None:
    world = RandomPasswords(seed).run(steps)
    pipeline = disordered(world, random.Random(seed + 1))
    for later_ms in LATER_MS:
        now_ms = world.now_ms + later_ms
        pipeline.tick(now_ms)
        expected = expected_counts(world.objects(), {}, {}, now_ms=now_ms, events=world.events)
        assert counted(pipeline.partition.counts) == counted(expected), f"{later_ms} ms later"


def test_random_passwords_fail_in_several_classes() -> None:
    """Otherwise the law would hold for counts that are always empty."""
    seen: set[str] = set()
    for seed in range(30):
        world = RandomPasswords(seed).run(20)
        counts = expected_counts(world.objects(), {}, {}, now_ms=world.now_ms, events=world.events)
        seen |= {error for _, error, _ in counted(counts)}
    assert {"password_policy", "permission", "connectivity", "other"} <= seen
