"""A Monday morning after the holidays: every device's last sign-in is renewed within the hour, and that is all.

Entra renews that time only when it is older than 14 days, give or take 5, and AD's own times of sign-in are not read at
all; so this is the worst that a fleet can do.
"""

from __future__ import annotations

import msgspec
import pytest

from streams.contracts.facts import Fact, TenantState
from streams.contracts.views import Contribution
from streams.directory.scope import Scope
from tests.bench.fleet import DAY_MS, NOW_MS, computers, devices, passwords, sign_ins
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

COUNT = 200


class Counting(Pipeline):
    """A pipeline that counts what objects tell views."""

    def contribute(self, contributions: list[Contribution], *, now_ms: int | None = None) -> None:
        self.said = getattr(self, "said", 0) + len(contributions)
        super().contribute(contributions, now_ms=now_ms)


@pytest.fixture(scope="module")
def fleet() -> Counting:
    pipeline = Counting({"corp": Scope(hybrid_join=True)})
    pipeline.tell(TenantState(tenant=TENANT, seq=1, ts_ms=NOW_MS, collected=True, devices_collected=True))
    pipeline.feed(AD, computers(COUNT), now_ms=NOW_MS)
    pipeline.feed(ENTRA, devices(COUNT), now_ms=NOW_MS)
    pipeline.tick(NOW_MS)
    return pipeline


def told_again() -> list[Fact]:
    """The same wave, read a day later."""
    return [
        msgspec.structs.replace(fact, seq=fact.seq + (1 << 40), ts_ms=fact.ts_ms + DAY_MS) for fact in sign_ins(COUNT)
    ]


def test_a_wave_of_sign_ins_says_two_words_a_device_and_publishes_nothing(fleet: Counting) -> None:
    told, published = list(sign_ins(COUNT)), len(fleet.published)
    fleet.said = 0
    fleet.feed(ENTRA, told, now_ms=NOW_MS)
    assert len(told) > COUNT * 9 // 10
    assert fleet.said == 2 * len(told)  # to the view of the device and to that of its name
    assert len(fleet.published) == published


def test_the_same_times_told_again_say_nothing(fleet: Counting) -> None:
    """A sweep, a restarted delta round, a second domain controller."""
    fleet.feed(ENTRA, sign_ins(COUNT), now_ms=NOW_MS)
    fleet.said = 0
    fleet.feed(ENTRA, told_again(), now_ms=NOW_MS)
    assert fleet.said == 0


def test_a_month_of_passwords_is_one_word_a_computer_and_publishes_nothing(fleet: Counting) -> None:
    """Each computer changes its password every 30 days: by this, not by its sign-ins, we know that it is alive."""
    published, fleet.said = len(fleet.published), 0
    fleet.feed(AD, passwords(COUNT), now_ms=NOW_MS)
    assert fleet.said == COUNT
    assert len(fleet.published) == published
