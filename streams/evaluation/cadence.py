"""How long one synchronisation cycle of a tenant is, learned from the readings of the tenant that pass by.

Each partition learns for itself, as every reading goes to every partition. The answer is coarse on purpose: every view
of the tenant is evaluated again when it changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.facts import TenantState
from streams.views.installation.tenant_view import CYCLES_LOOKED_AT, last_sync_ms, usual_cycle_ms

_STEPS_PER_INTERVAL = 6


def with_reading(syncs_ms: Sequence[int], state: TenantState) -> tuple[int, ...]:
    """The latest synchronisations known after one more reading, ascending, each once."""
    last_ms = last_sync_ms(state)
    if not last_ms or last_ms in syncs_ms:
        return tuple(syncs_ms)
    return tuple(sorted([*syncs_ms, last_ms])[-CYCLES_LOOKED_AT:])


def learned_cycle_ms(syncs_ms: Sequence[int], configured_ms: int) -> int | None:
    """The usual cycle, to the nearest sixth of the configured interval and never less; None while too few are known.

    >>> half_hours = [number * 1_803_000 for number in range(8)]
    >>> learned_cycle_ms(half_hours, 1_800_000)
    1800000
    """
    usual_ms = usual_cycle_ms(syncs_ms)
    if usual_ms is None:
        return None
    step_ms = max(1, configured_ms // _STEPS_PER_INTERVAL)
    return max(1, (usual_ms + step_ms // 2) // step_ms) * step_ms
