"""The tenant view: is synchronisation itself running, and how near are the limits?

Key: tenant/<tenant id>. Contributors: "entra/state" (the latest reading), and "sync/<time>" for each distinct
onPremisesLastSyncDateTime of the last day: the cycles as the data show them, so that lateness is counted in
missed cycles of this tenant and not in fixed minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Self

from streams.contracts.facts import TenantState
from streams.contracts.views import Contribution
from streams.views.view import Derived, Entry, latest, tenant_of, time_in

KIND = "tenant"
_CYCLES_REMEMBERED_MS = 86_400_000
_CYCLES_LOOKED_AT = 20
_CYCLES_NEEDED = 4


@dataclass(frozen=True, slots=True)
class TenantView:
    """One tenant as last read.

    read_ms:      when the organization was last read; None: never. What follows was true then.
    sync_enabled: onPremisesSyncEnabled: True synchronised, False was, None never.
    syncs_ms:     the times of the synchronisations seen lately, ascending.
    """

    key: str
    tenant: str
    read_ms: int | None
    sync_enabled: bool | None
    last_sync_ms: int | None
    last_password_sync_ms: int | None
    quota_used: int | None
    quota_total: int | None
    display_name: str | None
    syncs_ms: tuple[int, ...]
    changed_ms: int

    @staticmethod
    def contested(entries: Mapping[str, Entry]) -> bool:
        """Always."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        state = entries.get("entra/state")
        organization: Mapping[str, Any] = state.body["organization"] if state is not None else {}
        quota = organization.get("directorySizeQuota")
        quota = quota if isinstance(quota, dict) else {}
        return cls(
            key=key,
            tenant=tenant_of(key),
            read_ms=time_in(organization, "readDateTime", 0) or None,
            sync_enabled=organization.get("onPremisesSyncEnabled"),
            last_sync_ms=time_in(organization, "onPremisesLastSyncDateTime", 0) or None,
            last_password_sync_ms=time_in(organization, "onPremisesLastPasswordSyncDateTime", 0) or None,
            quota_used=_count(quota.get("used")),
            quota_total=_count(quota.get("total")),
            display_name=organization.get("displayName"),
            syncs_ms=tuple(
                sorted(
                    int(contributor.removeprefix("sync/")) for contributor in entries if contributor.startswith("sync/")
                )
            ),
            changed_ms=latest(entries),
        )

    def cadence_ms(self, otherwise_ms: int) -> int:
        """The usual time between two synchronisations, from the last day's; `otherwise_ms` while too few are known."""
        recent = self.syncs_ms[-_CYCLES_LOOKED_AT:]
        if len(recent) < _CYCLES_NEEDED:
            return otherwise_ms
        return int(median(later - earlier for earlier, later in pairwise(recent)))

    def derived(self) -> Iterable[Derived]:
        """Nothing: what others need of the tenant is in their context."""
        return ()


def tenant_view_key(tenant: str) -> str:
    """The key of a tenant's view."""
    return f"{KIND}/{tenant}"


def tenant_contributions(state: TenantState) -> list[Contribution]:
    """What a reading of the tenant says to its view; nothing while the organization is unknown."""
    if state.organization is None:
        return []
    key = tenant_view_key(state.tenant)
    said = [
        Contribution(
            view=key,
            contributor="entra/state",
            seq=state.seq,
            changed_ms=state.ts_ms,
            body={"organization": state.organization},
        )
    ]
    synced_ms = time_in(state.organization, "onPremisesLastSyncDateTime", 0)
    if synced_ms:
        said.append(
            Contribution(
                view=key,
                contributor=f"sync/{synced_ms}",
                seq=synced_ms,
                changed_ms=synced_ms,
                body={},
                expires_ms=synced_ms + _CYCLES_REMEMBERED_MS,
            )
        )
    return said


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
