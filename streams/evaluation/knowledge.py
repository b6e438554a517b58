"""What one partition knows of its tenants: their states, cycles and open causes, and the context made of them.

Rows: "~context/<tenant>" the state; "~syncs/<tenant>" when it was last synchronised, the latest times;
"~cause/<tenant>/<detection>" a tenant-wide cause; "~read/…" see `streams.evaluation.readings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from streams.contracts.codec import decode, encode
from streams.contracts.facts import TenantState, cloud_source, forest_source
from streams.contracts.views import CauseUpdate, WatermarkUpdate
from streams.detections.detection import Context, Thresholds, context_of, domains_elsewhere
from streams.directory.rows import Rows
from streams.evaluation.cadence import learned_cycle_ms, with_reading
from streams.evaluation.readings import Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantOptions:
    """What the settings say of one tenant: see Context. forests: the names of those that belong to it; beside: the
    other tenants to which these are synchronised; engine_units: one says which of its units Cloud Sync synchronises.
    scope_groups: of which forest memberships decide who is synchronised: see Context.
    reporting_forests: the forests whose objects count, the same ones; None: any.
    """

    flows: Mapping[str, str] = field(default_factory=dict)
    forests: frozenset[str] = frozenset()
    accept_orphans: bool = False
    beside: frozenset[str] = frozenset()
    engine_units: bool = False
    scope_groups: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    reporting_forests: frozenset[str] | None = None


_NO_SETTINGS = TenantOptions()
_NO_TENANT = TenantOptions(reporting_forests=frozenset())
"""Of a tenant that the settings do not name, though they name others: no forest is its any more."""


class TenantKnowledge:
    """Rows first, memory last: what cannot be understood or stored leaves both as they were."""

    def __init__(
        self, sync_interval_ms: int, thresholds: Thresholds, settings: Mapping[str, TenantOptions] | None = None
    ) -> None:
        """settings: by tenant."""
        self._sync_interval_ms = sync_interval_ms
        self._thresholds = thresholds
        self._settings = settings or {}
        self._states: dict[str, TenantState] = {}
        self._syncs_ms: dict[str, tuple[int, ...]] = {}
        self._causes: dict[str, dict[str, CauseUpdate]] = {}
        self._readings = Readings()
        self._contexts: dict[str, Context] = {}

    def restore(self, rows: Rows) -> None:
        """Take up where the rows stand."""
        self._states = {key.removeprefix("~context/"): decode(raw, TenantState) for key, raw in rows.items("~context/")}
        self._syncs_ms = {
            key.removeprefix("~syncs/"): tuple(int(each) for each in raw.split(b","))
            for key, raw in rows.items("~syncs/")
        }
        self._readings.restore(rows)
        self._causes, self._contexts = {}, {}
        for _, raw in rows.items("~cause/"):
            cause = decode(raw, CauseUpdate)
            self._causes.setdefault(cause.tenant, {})[cause.detection] = cause

    @property
    def tenants(self) -> list[str]:
        """The tenants that were read."""
        return list(self._states)

    def take_state(self, state: TenantState, rows: Rows) -> bool:
        """Take in a reading. Returns whether what rules may read of the tenant has changed."""
        tenant = state.tenant
        stored = self._states.get(tenant)
        if stored is not None and state.seq < stored.seq:
            return False
        stored_ms = self._syncs_ms.get(tenant, ())
        syncs_ms = with_reading(stored_ms, state)
        after = self._context_of(tenant, state, syncs_ms, self._causes.get(tenant, {}))
        changed = after != self.context(tenant)
        rows.put(f"~context/{tenant}", encode(state))
        if syncs_ms != stored_ms:
            rows.put(f"~syncs/{tenant}", b",".join(b"%d" % each for each in syncs_ms))
            self._syncs_ms[tenant] = syncs_ms
        self._states[tenant], self._contexts[tenant] = state, after
        return changed

    def take_cause(self, cause: CauseUpdate, rows: Rows) -> bool:
        """Take in that a cause began or ended. Returns whether what rules may read of the tenant has changed."""
        tenant, stored = cause.tenant, self._causes.get(cause.tenant, {})
        if cause.detection in stored and cause.seq < stored[cause.detection].seq:
            return False
        causes = stored | {cause.detection: cause}
        after = self._context_of(tenant, self._states.get(tenant), self._syncs_ms.get(tenant, ()), causes)
        changed = after != self.context(tenant)
        rows.put(f"~cause/{tenant}/{cause.detection}", encode(cause))
        self._causes[tenant], self._contexts[tenant] = causes, after
        return changed

    def take_watermark(self, update: WatermarkUpdate, rows: Rows) -> bool:
        """Take in how far a source is worked off. Returns whether what rules may read of the tenant has changed."""
        tenant = update.tenant
        before = self.context(tenant)
        self._readings.take(update, rows)
        del self._contexts[tenant]
        return self.context(tenant) != before

    @property
    def tenants_with_watermarks(self) -> list[str]:
        """The tenants of whose sources a watermark was received."""
        return self._readings.tenants

    def read(self, tenant: str) -> dict[str, int]:
        """Source -> until when (ms) it is worked off here."""
        return self._readings.of(tenant)

    def context(self, tenant: str) -> Context:
        """What rules may read of a tenant."""
        context = self._contexts.get(tenant)
        if context is None:
            context = self._contexts[tenant] = self._context_of(
                tenant, self._states.get(tenant), self._syncs_ms.get(tenant, ()), self._causes.get(tenant, {})
            )
        return context

    def _context_of(
        self, tenant: str, state: TenantState | None, syncs_ms: Sequence[int], causes: Mapping[str, CauseUpdate]
    ) -> Context:
        settings, read = self._settings_of(tenant), self._readings.of(tenant)
        return context_of(
            tenant,
            self._as_worked_off(state) if state is not None else None,
            self._sync_interval_ms,
            {name: cause.finding for name, cause in causes.items() if cause.finding},
            self._thresholds,
            learned_cycle_ms(syncs_ms, self._sync_interval_ms),
            {name: frozenset(cause.only) for name, cause in causes.items() if cause.finding and cause.only},
            settings.flows,
            bool(settings.forests) and all(forest_source(forest) in read for forest in settings.forests),
            settings.accept_orphans,
            domains_elsewhere(self._states.get(other) for other in settings.beside),
            settings.engine_units,
            settings.scope_groups,
        )

    def _settings_of(self, tenant: str) -> TenantOptions:
        return self._settings.get(tenant, _NO_TENANT if self._settings else _NO_SETTINGS)

    def reporting_forests(self, tenant: str) -> frozenset[str] | None:
        """The forests whose word counts in this tenant; None: any."""
        return self._settings_of(tenant).reporting_forests

    def _as_worked_off(self, state: TenantState) -> TenantState:
        """The tenant's state; it was collected for us when all that it had has come by, and not when that was sent."""
        read = self._readings.of(state.tenant)
        here: dict[str, Any] = {
            "collected": state.collected and cloud_source(state.tenant) in read,
            "devices_collected": state.devices_collected and cloud_source(state.tenant, "devices") in read,
        }
        return replace(state, **here)
