"""From the request of a password in the cloud to AD showing it: measured once, whichever is told first."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.views import Contribution
from streams.evaluation.outcome import Outcome
from streams.measures.family import DurationSample
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, TENANT, Pipeline


class Measuring(Pipeline):
    """A pipeline that remembers what was measured, with every word told twice and a restart after each."""

    def __init__(self) -> None:
        self.durations: list[DurationSample] = []
        super().__init__()
        self.ad("r", 0, -864_000, distinguishedName="CN=ann,DC=corp", sAMAccountName="ann", objectSid=sid_of("ann"))

    def _take(self, outcome: Outcome) -> list[Contribution]:
        self.durations += outcome.durations
        return super()._take(outcome)

    def ad(self, op: str, at_s: int, set_s: int, **attributes: Any) -> None:
        at_ms = START_MS + at_s * 1000
        filetime = (START_MS + set_s * 1000 + 11_644_473_600_000) * 10_000
        fact = Fact(op=Operation(op), object_id=guid_of("ann"), seq=at_ms << 12, ts_ms=at_ms, kind=ObjectKind.USER,
                    attributes={**attributes, "pwdLastSet": filetime})  # fmt: skip
        for _ in range(2):
            self.feed(AD, [fact], now_ms=at_ms)
            self.restart()

    def server(self, at_s: int, number: int, tracking: str = "t1", result: Result | None = None) -> None:
        ts_ms, anchor = START_MS + at_s * 1000, immutable_id_of_guid(guid_of("ann"))
        event = Event(id=f"{number}-{at_s}", log=Log.WINDOWS, name=f"passwordresetservice/{number}", tenant=TENANT,
                      ts_ms=ts_ms, seen_ms=ts_ms, server="aadc01", result=result,
                      source_anchor=anchor, details={"tracking_id": tracking})  # fmt: skip
        for _ in range(2):
            self.log([event], now_ms=ts_ms)
            self.restart()

    @property
    def found(self) -> list[tuple[str, str, str, float]]:
        return [(each.subject, each.forest, each.label, each.seconds) for each in self.durations]


@pytest.mark.parametrize("order", ["log first", "AD first", "AD between"])
def test_measured_once_whichever_is_told_first(order: str) -> None:
    pipeline = Measuring()
    steps = {
        "log first": ["start", "done", "ad"],
        "AD first": ["ad", "start", "done"],
        "AD between": ["start", "ad", "done"],
    }[order]
    for step in steps:
        if step == "ad":
            pipeline.ad("u", 50, 14)
        else:
            pipeline.server(*{"start": (10, 31001), "done": (16, 31002)}[step])
    pipeline.tick(START_MS + 3_600_000)
    assert pipeline.found == [("writeback", "corp", "reset", 4.0)]


def test_a_late_landing_is_measured_as_late_and_the_next_operation_again() -> None:
    pipeline = Measuring()
    pipeline.server(10, 31001)
    pipeline.server(12, 31002)
    pipeline.ad("u", 2000, 1810)
    pipeline.server(7200, 31006, "t2")
    pipeline.server(7201, 31007, "t2")
    pipeline.ad("u", 7300, 7201)
    assert pipeline.found == [("writeback", "corp", "reset", 1800.0), ("writeback", "corp", "change", 1.0)]


def test_a_failure_is_no_landing_nor_is_a_password_that_nobody_asked_the_cloud_for() -> None:
    pipeline = Measuring()
    pipeline.ad("u", 5, 4)
    pipeline.server(100, 31001)
    pipeline.server(101, 31003)
    pipeline.ad("u", 400, 390)
    assert pipeline.found == []
