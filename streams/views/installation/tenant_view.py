"""The tenant view: is synchronisation itself running, and how near are the limits?

Key: tenant/<tenant id>. Contributors: "entra/state" (the latest reading); "sync/<time>" for each distinct
onPremisesLastSyncDateTime of the last day: the cycles as the data show them, so that lateness is counted in
missed cycles of this tenant and not in fixed minutes; "audit/<activity>", "active/<server>/<when>" from the audit
log; "runs/<server>", "lives/<server>": the runs of a Connect server, and what of it lives, told by its view;
"census/<partition>": what that partition of the views counts toward the tenant, and how far it has worked off each
source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Self

import msgspec

from streams.contracts import view_keys
from streams.contracts.contributors import TENANT_STATE, ContributorKind, kind_of_contributor, rest_of
from streams.contracts.counts import TenantCount, summed_numbers
from streams.contracts.events import Event
from streams.contracts.facts import TenantState, cloud_source, forest_of_source, forest_source
from streams.contracts.finding import Subject
from streams.contracts.times import time_in
from streams.contracts.view_keys import ViewKind, tenant_of
from streams.contracts.views import Contribution
from streams.views.events import events_in
from streams.views.installation.runs import ServerRuns
from streams.views.installation.server_view import served_by_others
from streams.views.messages import Counted, Exported, ServerLives, Synchronised, TenantReading, written
from streams.views.view import Derived, Entry, latest

FAILING = "failing"
_CYCLES_REMEMBERED_MS = 86_400_000
CYCLES_LOOKED_AT = 20
_CYCLES_NEEDED = 4
APART_MS = 600_000
"""Both directories are read every minute or so; further apart than this, one of them is being caught up with."""


class TenantView(msgspec.Struct, frozen=True):
    """One tenant as last read.

    read_ms:      when the organization was last read; None: never. What follows was true then.
    sync_enabled: onPremisesSyncEnabled: True synchronised, False was, None never.
    syncs_ms:     the times of the synchronisations seen lately, ascending.
    synchronization, jobs, refused, features: see streams.contracts.facts.TenantState.
    events:       changes of its configuration in the audit log, the latest of each kind, the oldest first.
    exports:      (time, server) of writes by sync servers in the last hours, ascending, passwords included.
    writes_ms:    when they wrote something else than a password, as only a cycle does, ascending.
    runs:         server -> its runs.
    lives:        server -> what of it lives (server_view); each server is told of the others.
    read:         source -> until when (ms) every partition has worked it off (streams.evaluation.readings); no others.
    counts:       what the measures count toward the tenant, over every partition; of forests that are read
                  whole and worked off, once the cloud is: half a directory is no number.
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
    synchronization: Mapping[str, Any] = {}
    jobs: tuple[Mapping[str, Any], ...] | None = None
    refused: Mapping[str, str] = {}
    features: Mapping[str, bool | None] = {}
    events: tuple[Event, ...] = ()
    exports: tuple[tuple[int, str], ...] = ()
    writes_ms: tuple[int, ...] = ()
    runs: Mapping[str, ServerRuns] = {}
    lives: Mapping[str, ServerLives] = {}
    counts: Mapping[TenantCount, int] = {}
    read: Mapping[str, int] = {}

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Always."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        runs = {
            name: entry for name, entry in sorted(entries.items()) if kind_of_contributor(name) is ContributorKind.RUNS
        }
        messages = {name: entry.message for name, entry in sorted(entries.items()) if name not in runs}
        state = next((message for message in messages.values() if isinstance(message, TenantReading)), TenantReading())
        organization = state.organization or {}
        quota = organization.get("directorySizeQuota")
        quota = quota if isinstance(quota, dict) else {}
        counted = [message for message in messages.values() if isinstance(message, Counted)]
        exports = [message for message in messages.values() if isinstance(message, Exported)]
        worked_off = _read_everywhere(counted)
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
                sorted(int(rest_of(name)) for name, message in messages.items() if isinstance(message, Synchronised))
            ),
            changed_ms=latest(
                {name: entries[name] for name in entries if kind_of_contributor(name) is not ContributorKind.LIVES}
            ),
            synchronization=state.synchronization or {},
            jobs=tuple(state.jobs) if state.jobs is not None else None,
            refused=state.refused,
            features=state.features or {},
            events=events_in(entries),
            exports=tuple(sorted((message.ts_ms, message.server) for message in exports)),
            writes_ms=tuple(sorted(message.ts_ms for message in exports if not message.password)),
            runs={rest_of(name): ServerRuns.read(entry.body) for name, entry in runs.items()},
            lives={rest_of(name): message for name, message in messages.items() if isinstance(message, ServerLives)},
            counts=_whole(summed_numbers(message.counts for message in counted), tenant_of(key), worked_off),
            read=worked_off,
        )

    def cadence_ms(self, otherwise_ms: int) -> int:
        """The usual time between two synchronisations, from the last day's; `otherwise_ms` while too few are known."""
        return usual_cycle_ms(self.syncs_ms) or otherwise_ms

    @property
    def since_ms(self) -> int:
        """The time to name where nothing tells since when something is so: the last synchronisation, else a reading."""
        return self.last_sync_ms or self.read_ms or self.changed_ms

    def counted(self, *states: str) -> int:
        """How many objects, of all forests and kinds, stand in one of these states (streams.measures.objects)."""
        return sum(self.counted_by_forest(*states).values())

    def counted_by_forest(self, *states: str) -> dict[str, int]:
        """The same by forest; forests without any are left out."""
        by_forest: Counter[str] = Counter()
        for (subject, labels), number in self.counts.items():
            if subject == "objects" and labels[-1] in states:
                by_forest[labels[0]] += number
        return dict(sorted(by_forest.items()))

    @property
    def cloud_lags(self) -> bool:
        """Whether the cloud is known up to a time well before what is known of a forest: after an outage of ours, what
        was exported meanwhile looks as if it waited.
        """
        cloud_ms = self.read.get(cloud_source(self.tenant))
        return cloud_ms is not None and any(
            read_ms > cloud_ms + APART_MS
            for source, read_ms in self.read.items()
            if forest_of_source(source) is not None
        )

    def lags(self, forest: str) -> bool:
        """Whether a forest is known up to a time well before what is known of the cloud."""
        read_ms, cloud_ms = self.read.get(forest_source(forest)), self.read.get(cloud_source(self.tenant))
        return read_ms is not None and cloud_ms is not None and cloud_ms > read_ms + APART_MS

    def subject(self) -> Subject:
        """This tenant as a finding's subject."""
        return Subject(kind=ViewKind.TENANT, key=self.key, display_name=self.display_name or self.tenant)

    def derived(self) -> Iterable[Derived]:
        """To each server what others do; what else is needed of the tenant is in the context."""
        return served_by_others(self.tenant, self.lives) if len(self.lives) > 1 else ()


def usual_cycle_ms(syncs_ms: Sequence[int]) -> int | None:
    """The median time between the latest of these synchronisations (ascending); None while too few are known."""
    recent = syncs_ms[-CYCLES_LOOKED_AT:]
    if len(recent) < _CYCLES_NEEDED:
        return None
    return int(median(later - earlier for earlier, later in pairwise(recent)))


def last_sync_ms(state: TenantState) -> int:
    """When the tenant was last synchronised as of this reading (ms); 0 if it does not tell."""
    return time_in(state.organization or {}, "onPremisesLastSyncDateTime", 0)


def tenant_contributions(state: TenantState) -> list[Contribution]:
    """What a reading of the tenant says to its view; nothing while the organization is neither known nor refused."""
    if state.organization is None and not state.refused:
        return []
    key = view_keys.tenant(state.tenant)
    message = [
        Contribution(
            view=key,
            contributor=TENANT_STATE,
            seq=state.seq,
            changed_ms=state.ts_ms,
            body=written(
                TenantReading(state.organization, state.synchronization, state.jobs, state.refused, state.features)
            ),
        )
    ]
    synced_ms = last_sync_ms(state)
    if synced_ms:
        message.append(
            Contribution(
                view=key,
                contributor=ContributorKind.SYNC.named(synced_ms),
                seq=synced_ms,
                changed_ms=synced_ms,
                body=written(Synchronised()),
                expires_ms=synced_ms + _CYCLES_REMEMBERED_MS,
            )
        )
    return message


def _read_everywhere(counted: Sequence[Counted]) -> dict[str, int]:
    """What every partition has worked off; nothing while one of them has not counted."""
    if not counted or len(counted) < max(each.partitions for each in counted):
        return {}
    sources = sorted(set.intersection(*(set(each.read) for each in counted)))
    return {source: min(each.read[source] for each in counted) for source in sources}


def _whole(counts: Mapping[TenantCount, int], tenant: str, read: Mapping[str, int]) -> dict[TenantCount, int]:
    """The counts of forests that are read; the first label is the forest, "none" for none.

    What fails of ours is told from the start: it says nothing of a directory.
    """
    failing = {count: number for count, number in counts.items() if count.subject == FAILING}
    if cloud_source(tenant) not in read:
        return failing
    forests = {"none"} | {forest for source in read if (forest := forest_of_source(source)) is not None}
    return failing | {count: number for count, number in counts.items() if count.labels[0] in forests}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
