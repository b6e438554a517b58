"""From a change in AD to its arrival in the cloud: measured once, and only if it arrived."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, Origin, TenantState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.views import Contribution
from streams.directory.scope import Scope
from streams.evaluation.outcome import Outcome
from streams.measures.family import DurationSample
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

OUT = "OU=Out,DC=corp"


class Measuring(Pipeline):
    """A pipeline whose every word is delivered twice, with a restart after each."""

    def __init__(self, twice: bool) -> None:
        self.durations: list[DurationSample] = []
        self.twice = twice
        super().__init__({"corp": Scope(exclude_ous=[OUT])})
        domains = [Domain("contoso.com"), Domain("contoso.onmicrosoft.com", is_initial=True)]
        self.tell(TenantState(tenant=TENANT, seq=1, ts_ms=START_MS, domains=domains, collected=True))

    def _take(self, outcome: Outcome) -> list[Contribution]:
        self.durations += outcome.durations
        return super()._take(outcome)

    def say(self, origin: Origin, op: str, after_s: int, **attributes: Any) -> None:
        at_ms = START_MS + after_s * 1000
        name = "ann" if origin is AD else "cloud"
        fact = Fact(
            op=Operation(op), object_id=guid_of(name), seq=at_ms << 12, ts_ms=at_ms, kind=ObjectKind.USER,
            attributes=attributes,
        )  # fmt: skip
        for _ in range(2 if self.twice else 1):
            self.feed(origin, [fact], now_ms=at_ms)
            if self.twice:
                self.restart()

    def begin(self) -> None:
        """A user on both sides, created and exported before our eyes."""
        self.say(AD, "c", 1, distinguishedName="CN=ann,DC=corp", sAMAccountName="ann", objectSid=sid_of("ann"),
                 userPrincipalName="ann@contoso.com", displayName="Ann")  # fmt: skip
        self.arrive(601)

    def arrive(self, after_s: int) -> None:
        self.say(ENTRA, "r", after_s, onPremisesImmutableId=immutable_id_of_guid(guid_of("ann")),
                 onPremisesSyncEnabled=True, userPrincipalName="ann@contoso.com", displayName="Ann")  # fmt: skip

    @property
    def waits(self) -> list[tuple[str, str, float]]:
        return [(sample.subject, sample.label, sample.seconds) for sample in self.durations]


@pytest.fixture(params=[False, True], ids=["once", "twice and restarted"])
def pipeline(request: pytest.FixtureRequest) -> Measuring:
    return Measuring(request.param)


def test_an_object_and_a_change_are_measured_from_ad_to_the_cloud(pipeline: Measuring) -> None:
    pipeline.begin()
    assert pipeline.waits == [("flow", "user", 600.0)]
    pipeline.say(AD, "u", 1000, displayName="Ann Bee", title="Dr")
    pipeline.say(ENTRA, "u", 1100, onPremisesLastSyncDateTime="2026-09-21T14:30:00Z")
    pipeline.say(ENTRA, "u", 1300, displayName="Ann Bee")
    assert pipeline.waits == [("flow", "user", 600.0), ("flow", "user", 300.0)]
    assert pipeline.durations[0].forest == "corp"


def test_what_never_arrived_is_not_measured(pipeline: Measuring) -> None:
    pipeline.begin()
    pipeline.say(AD, "u", 1000, displayName="Ann Bee")
    pipeline.say(AD, "u", 1100, displayName="Ann")  # taken back before it was exported
    pipeline.say(AD, "u", 1200, displayName="Ann Bee")
    pipeline.say(AD, "u", 1300, distinguishedName=f"CN=ann,{OUT}")
    pipeline.say(AD, "u", 1400, distinguishedName="CN=ann,DC=corp")
    pipeline.say(AD, "d", 1500)
    assert pipeline.waits == [("flow", "user", 600.0)]


def test_an_object_that_goes_before_it_was_exported_is_not_measured(pipeline: Measuring) -> None:
    pipeline.say(AD, "c", 1, distinguishedName="CN=ann,DC=corp", sAMAccountName="ann", userPrincipalName="ann@x.com")
    pipeline.say(AD, "d", 100)
    pipeline.arrive(200)
    assert pipeline.waits == []


def test_what_differed_at_the_first_look_is_not_measured(pipeline: Measuring) -> None:
    pipeline.say(AD, "r", 1, distinguishedName="CN=ann,DC=corp", sAMAccountName="ann", displayName="Anna")
    pipeline.arrive(200)
    pipeline.say(ENTRA, "u", 300, displayName="Anna")
    assert pipeline.waits == []
