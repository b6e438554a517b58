"""The way of one computer, measured: each stage it leaves for a later one, and the whole way once it has registered."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.counts import Count
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin, TenantState
from streams.contracts.times import rfc3339
from streams.contracts.views import Contribution
from streams.directory.scope import Scope
from streams.evaluation.outcome import Outcome
from streams.measures.computers import AGES, unit_of
from streams.measures.family import DurationSample
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

HOUR_MS = 3_600_000
DN = "CN=pc,OU=PCs,OU=Graz,OU=Sites,OU=Contoso,DC=corp,DC=local"


class Measuring(Pipeline):
    """A pipeline whose every word is delivered twice, with a restart after each."""

    def __init__(self) -> None:
        self.durations: list[DurationSample] = []
        super().__init__({"corp": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"], hybrid_join=True)})

    def _take(self, outcome: Outcome) -> list[Contribution]:
        self.durations += outcome.durations
        return super()._take(outcome)

    def read_devices(self, after_h: float = 0) -> None:
        at_ms = START_MS + int(after_h * HOUR_MS)
        self.tell(TenantState(tenant=TENANT, seq=1, ts_ms=at_ms, collected=True, devices_collected=True))

    def say(self, origin: Origin, op: str, after_h: float, **attributes: Any) -> None:
        at_ms = START_MS + int(after_h * HOUR_MS)
        fact = Fact(
            op=Operation(op), object_id=guid_of("pc" if origin is AD else "device"), seq=at_ms << 12, ts_ms=at_ms,
            kind=ObjectKind.DEVICE, attributes=attributes,
        )  # fmt: skip
        for _ in range(2):
            self.feed(origin, [fact], now_ms=at_ms)
            self.restart()

    def create(self, after_h: float = 0) -> None:
        self.say(AD, "c", after_h, distinguishedName=DN, name="pc", operatingSystem="Windows 11 Pro",
                 userAccountControl=4096, whenCreated=rfc3339(START_MS))  # fmt: skip

    def certify(self, after_h: float) -> None:
        begins = rfc3339(START_MS + int(after_h * HOUR_MS))
        self.say(AD, "u", after_h, userCertificate=[f"A1 {begins} {rfc3339(START_MS * 2)} {guid_of('pc')}"])

    def export(self, after_h: float, **more: Any) -> None:
        self.say(ENTRA, "c", after_h, deviceId=guid_of("pc"), trustType="ServerAd", displayName="pc",
                 operatingSystem="Windows", accountEnabled=True, **more)  # fmt: skip

    @property
    def told(self) -> list[tuple[str, str, float]]:
        return [(each.subject, each.label, each.seconds / 3600) for each in self.durations]

    def counted(self, subject: str) -> dict[str, int]:
        counts = {Count.read(name): number for name, number in self.partition.counts.items() if number}
        return {count.labels[-1]: number for count, number in counts.items() if count.subject == subject}


@pytest.fixture
def pipeline() -> Measuring:
    return Measuring()


def test_the_whole_way_is_from_the_certificate_to_the_registration(pipeline: Measuring) -> None:
    pipeline.read_devices()
    pipeline.create()
    pipeline.certify(1)
    pipeline.export(2)
    # Told an hour late: registered at 2.5.
    pipeline.say(ENTRA, "u", 3.5, registrationDateTime=rfc3339(START_MS + int(2.5 * HOUR_MS)))
    assert sorted(pipeline.told) == [
        ("join", "windows 11", 1.5),
        ("stage", "certificate", 1.0), ("stage", "created", 1.0), ("stage", "pending", 1.5),
    ]  # fmt: skip


def test_what_the_first_reading_tells_of_is_not_measured(pipeline: Measuring) -> None:
    """AD is read before the devices are: a fleet that joined years ago has not waited for us."""
    pipeline.create()
    pipeline.certify(1)
    pipeline.export(800, registrationDateTime=rfc3339(START_MS + 2 * HOUR_MS))
    pipeline.read_devices(801)
    assert pipeline.told == []


def test_who_leaves_the_count_or_falls_back_has_not_come_further(pipeline: Measuring) -> None:
    pipeline.read_devices()
    pipeline.create()
    pipeline.certify(1)
    pipeline.say(AD, "u", 2, userCertificate=None)
    pipeline.say(AD, "u", 3, userAccountControl=4098)
    assert pipeline.told == [("stage", "created", 1.0)]


def test_a_computer_that_has_not_joined_is_counted_by_unit_and_by_an_age_that_time_alone_moves(
    pipeline: Measuring,
) -> None:
    pipeline.read_devices()
    pipeline.create()
    seen = []
    for hours in (0, 1.9, 2, 23.9, 24, 167.9, 168):
        pipeline.tick(START_MS + int(hours * HOUR_MS))
        pipeline.restart()
        (age,) = pipeline.counted("unjoined_ages")
        seen.append(age)
    assert seen == [AGES[0], AGES[0], AGES[1], AGES[1], AGES[2], AGES[2], AGES[3]]
    assert pipeline.counted("unjoined_units") == {"Contoso/Sites/Graz": 1}
    pipeline.certify(170)
    assert pipeline.counted("unjoined_ages") == {AGES[0]: 1}
    pipeline.export(171, registrationDateTime=rfc3339(START_MS + 171 * HOUR_MS))
    assert pipeline.counted("unjoined_units") == {} == pipeline.counted("unjoined_ages")


@pytest.mark.parametrize(
    ("dn", "unit"),
    [
        ("CN=pc,CN=Computers,DC=corp", "Computers"),
        (r"CN=pc,OU=Ulm\, Nord,DC=corp", "Ulm, Nord"),
        ("CN=pc,DC=corp", "(none)"),
        (r"CN=ends in a backslash\\,OU=Ulm,DC=corp", "Ulm"),
        (None, "(none)"),
    ],
)
def test_units_are_paths(dn: str | None, unit: str) -> None:
    assert unit_of(dn) == unit
