"""Lateness is counted in the tenant's own cycles, as the readings of the tenant show them."""

from __future__ import annotations

from streams.contracts.facts import TenantState
from streams.contracts.times import rfc3339
from streams.evaluation.cadence import learned_cycle_ms, with_reading
from tests.support.cases import START_MS
from tests.support.pipeline import TENANT, Pipeline

HALF_HOUR = 1_800_000


def _reading(number: int, cycle_ms: int) -> TenantState:
    synced_ms = START_MS + number * cycle_ms
    organization = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": rfc3339(synced_ms)}
    organization["readDateTime"] = rfc3339(synced_ms + 1000)
    return TenantState(tenant=TENANT, seq=number + 1, ts_ms=synced_ms + 1000, organization=organization, collected=True)


def test_too_few_cycles_tell_nothing_and_jitter_changes_nothing() -> None:
    assert learned_cycle_ms([0, HALF_HOUR, 2 * HALF_HOUR], HALF_HOUR) is None
    jittered = [number * HALF_HOUR + (number % 3) * 60_000 for number in range(12)]
    assert learned_cycle_ms(jittered, HALF_HOUR) == HALF_HOUR
    assert learned_cycle_ms([number * 7_200_000 for number in range(5)], HALF_HOUR) == 7_200_000
    assert learned_cycle_ms([number * 120_000 for number in range(5)], HALF_HOUR) == 300_000, "never below a step"


def test_a_sync_read_twice_is_one_and_only_the_latest_are_kept() -> None:
    syncs: tuple[int, ...] = ()
    for number in [*range(30), 29, 29, 12]:
        syncs = with_reading(syncs, _reading(number, HALF_HOUR))
    assert syncs == tuple(START_MS + number * HALF_HOUR for number in range(10, 30))


def test_the_partition_learns_remembers_and_judges_by_it() -> None:
    pipeline, cycle_ms = Pipeline(), 2 * HALF_HOUR
    for number in range(3):
        pipeline.tell(_reading(number, cycle_ms))
    assert pipeline.partition._known.context(TENANT).cycle_ms == HALF_HOUR, "as configured, while too few are known"
    pipeline.restart()
    pipeline.tell(_reading(3, cycle_ms))
    assert pipeline.partition._known.context(TENANT).cycle_ms == cycle_ms
    pipeline.restart()
    assert pipeline.partition._known.context(TENANT).cycle_ms == cycle_ms
