"""What a detection is: metadata, and a pure rule `evaluate(view, context, now_ms) -> Verdict | None`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from streams.contracts.facts import TenantState
from streams.contracts.finding import Holder, Severity, Subject
from streams.directory.engines import CLOUD_SYNC, CONNECT, cloud_sync_forests, cloud_sync_groups, engines_of
from streams.directory.party import Party
from streams.runtime.settings import DetectionSettings
from streams.views.view import PATIENCE_CYCLES, Memo


class Status(StrEnum):
    """How far a rule may be trusted."""

    EXPERIMENTAL = "experimental"
    STABLE = "stable"
    DEPRECATED = "deprecated"


Gate = Callable[[Any, "Context"], bool]
"""Pure, of a view and what is known of its tenant; not of the time."""


@dataclass(frozen=True, slots=True)
class Alert:
    """The alert rule made for a detection: it fires when findings have been open this long.

    counted: findings of these severities do not alert one by one.
    """

    for_s: int = 900
    counted: tuple[Severity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """The metadata of one rule; wiring, metrics, alert rule, dashboard and catalogue derive from it.

    id:     "<family>.<name>" = folder and file.
    views:  the view classes it looks at.
    hold_s: how long a verdict must stand before its finding opens (counted from Verdict.since_ms).
    remediation: one paragraph for the person on call; the runbook has the rest.
    tenant_wide: its finding is a cause: rules that it explains away are suppressed while it is open. A cause that is
        itself explained away leaves its symptoms to what explains it; whatever that is must be explained by nothing.
    suppressed_by: ids of tenant-wide detections that explain this one away.
    explained_by: ids of detections that explain this one away, in the same view or in one that tells it so: one cause
        is one finding. There is no circle in it, and nothing hides what is louder than itself.
    lingers_s: how long it stays explained after what explained it has ended, where it heals by itself.
    ends_proven: when it ends, what it held back has arrived: nothing lingers behind it.
    only_if: a cheap question, asked once for all rules that share it: where it says no, this one has nothing to say of
        the view, and is not asked (streams.detections.gates). None: it always is.
    no_story: why no story of the lab plays it; "": one does.
    """

    id: str
    views: tuple[type[Any], ...]
    title: str
    severity: Severity
    remediation: str
    references: tuple[str, ...]
    status: Status = Status.STABLE
    hold_s: int = 0
    alert: Alert | None = Alert()
    tenant_wide: bool = False
    suppressed_by: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    lingers_s: int = 0
    ends_proven: bool = False
    false_positives: tuple[str, ...] = ()
    known_gaps: tuple[str, ...] = ()
    only_if: Gate | None = None
    no_story: str = ""

    @property
    def family(self) -> str:
        """The folder."""
        return self.id.partition(".")[0]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """It is wrong now, and this is why.

    since_ms:   since when, as far as the view tells.
    open_at_ms: open the finding only then, if the verdict still stands; None: since_ms + hold_s.
    keep_open:  a finding that is open stays so although open_at_ms lies ahead: another change of the object restarts
                our patience, it repairs nothing. One that is explained away stays so, too: it does not open before.
    recheck_at_ms: look again then even if nothing changes; None: no need.
    severity:   overrides the detection's.
    cause:      id of the finding that explains this one.
    explained_by: what of the detection's `explained_by` may explain it as it stands: ids of detections, or of single
        findings; None: all.
    explains_in: keys of the views (of objects, references and values) whose findings it may explain.
    suppressed_by: those of the detection's `suppressed_by` that may explain it as it stands; None: all.
    explains:   of a tenant-wide detection: whether it explains others away as it stands.
    only:       of a tenant-wide detection: the properties that it is about, for rules that leave them out then; or the
        engine or the forests (OF_FOREST) that it is about, whose objects alone it explains away.
    """

    summary: str
    since_ms: int
    subject: Subject
    evidence: Mapping[str, Any] = {}
    counterparts: tuple[Holder, ...] = ()
    forest: str | None = None
    open_at_ms: int | None = None
    keep_open: bool = False
    recheck_at_ms: int | None = None
    severity: Severity | None = None
    cause: str | None = None
    explained_by: tuple[str, ...] | None = None
    explains_in: tuple[str, ...] = ()
    suppressed_by: tuple[str, ...] | None = None
    explains: bool = True
    only: tuple[str, ...] = ()

    def suppressed_of(self, detection: Detection) -> tuple[str, ...]:
        """Ids of the tenant-wide detections that explain it away, the first one first."""
        return detection.suppressed_by if self.suppressed_by is None else self.suppressed_by

    def explained_of(self, detection: Detection) -> tuple[str, ...]:
        """Ids of the detections, or findings, that explain it away."""
        return detection.explained_by if self.explained_by is None else self.explained_by


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits that the settings may move ([detections] in the settings file).

    pending_stuck_ms:  patience with what computers do themselves: a device may be pending, a new computer without
                       certificate, and one registered twice, this long.
    device_stale_ms:   a device that has not signed in for this long is stale (never below 21 days).
    computer_seen_ms:  a computer whose own password is older than this is taken for dead and is no gap.
    writeback_confirm_ms: a password that the cloud has written must show in AD within this, replication included.
    device_writeback_ms: a device of the cloud must show in AD within this, with what the cloud says of it.
    writeback_heartbeat_ms: a password writeback service reports so often; three missed reports are silence.
    password_retry_ms: a password hash that failed is tried again within this; what still stands then is a fault.
    """

    pending_stuck_ms: int
    device_stale_ms: int
    computer_seen_ms: int
    writeback_confirm_ms: int
    device_writeback_ms: int
    writeback_heartbeat_ms: int
    password_retry_ms: int

    @classmethod
    def of(cls, rules: DetectionSettings) -> Self:
        """Each limit is the setting of its name, `…_s` in seconds; the settings have the defaults."""
        return cls(**{
            limit.name: int(getattr(rules, f"{limit.name.removesuffix('_ms')}_s") * 1000) for limit in fields(cls)
        })  # fmt: skip


DEFAULT_THRESHOLDS = Thresholds.of(DetectionSettings())


@dataclass(frozen=True, slots=True)
class Context:
    """Tenant-wide knowledge every rule may read. Unknown is None, never a guess.

    privileged_ids: Entra object ids that hold a directory role.
    object_identifiers: of cloud users with an anchor that are synchronised no longer: id -> the objectGUID that they
        are mapped to.
    collected:      the first full reading of the tenant's objects is complete: absence means absence.
    devices_collected: the same for its devices, which may be read later, or never where the right is missing.
    managers_since_ms: see TenantState.
    causes:         detection id -> finding id of every tenant-wide cause that is open now.
    cause_only:     detection id -> the properties, engines or forests that it is about, where it is about some alone.
    forests_read:   every forest of the settings that belongs to the tenant was read whole: absence in AD is absence.
    accept_orphans: the settings say that cloud objects without an AD side are faults one by one, however many.
    flows:          property -> attribute from which this tenant fills it, where its settings say so ("": none).
    elsewhere:      verified domains of the other tenants to which its forests are synchronised; None while unknown.
    job_kinds:      kinds of the tenant's Cloud Sync jobs, as far as we may read them.
    engines:        engine -> how it is known (streams.directory.engines).
    cloud_sync_forests: those that Cloud Sync's jobs name; None: unknown.
    engine_units:   the settings say which units Cloud Sync synchronises, so that objects tell their engine.
    scope_groups:   forest -> DNs of the groups whose members alone are synchronised, by the settings; (): none decides;
                    None: they say nothing of groups.
    cloud_sync_groups: forest -> DNs of the groups by which Cloud Sync's jobs are scoped, as far as they tell.
    learned_cycle_ms: the usual time between two synchronisations as seen lately; None while too few were seen.
    synchronised:   False where the tenant says that it is not, or was never, synchronised with a directory.
    """

    tenant: str
    sync_interval_ms: int = 1_800_000
    verified_domains: frozenset[str] | None = None
    initial_domain: str | None = None
    features: Mapping[str, bool | None] = field(default_factory=dict)
    privileged_ids: frozenset[str] | None = None
    object_identifiers: Mapping[str, str] | None = None
    collected: bool = False
    devices_collected: bool = False
    managers_since_ms: int = 0
    causes: Mapping[str, str] = field(default_factory=dict)
    cause_only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    flows: Mapping[str, str] = field(default_factory=dict)
    forests_read: bool = False
    accept_orphans: bool = False
    elsewhere: frozenset[str] | None = frozenset()
    job_kinds: frozenset[str] = frozenset()
    engines: Mapping[str, str] = field(default_factory=dict)
    cloud_sync_forests: frozenset[str] | None = None
    engine_units: bool = False
    scope_groups: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    cloud_sync_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    learned_cycle_ms: int | None = None
    synchronised: bool = True
    memo: Memo = field(default_factory=Memo, init=False, repr=False, compare=False)

    @property
    def cycle_ms(self) -> int:
        """One synchronisation cycle of this tenant: what lateness is counted in.

        Where Cloud Sync is one of its engines, the tenant's last synchronisation is that of whichever was last.
        """
        learned_ms = self.learned_cycle_ms or self.sync_interval_ms
        return max(learned_ms, self.sync_interval_ms) if CLOUD_SYNC in self.engines else learned_ms

    @property
    def patience_ms(self) -> int:
        """How long what is on its way may take, PATIENCE_CYCLES of the tenant's own cycles: after that it is late."""
        return PATIENCE_CYCLES * self.cycle_ms

    @property
    def writeback_patience_ms(self) -> int:
        """The same for what is written back to AD, in the interval of the settings."""
        return PATIENCE_CYCLES * self.sync_interval_ms

    def engine_of(self, party: Party) -> str | None:
        """Which engine synchronises an AD object; None where nothing says so."""
        if party.engine is None and self.cloud_sync_forests is not None and party.forest is not None:
            return CONNECT if party.forest.lower() not in self.cloud_sync_forests else None
        return party.engine

    @property
    def cloud_sync_alone(self) -> bool:
        """Whether Cloud Sync is the tenant's one engine."""
        return CLOUD_SYNC in self.engines and CONNECT not in self.engines

    def cause_of(self, detection: str, engine: str | None, forest: str | None) -> str | None:
        """The open tenant-wide cause of this detection, if it concerns an object of this forest that `engine`
        synchronises (None: unknown).
        """
        only = self.cause_only.get(detection, frozenset())
        engines, forests = only & _ENGINES, {word for word in only if word.startswith(OF_FOREST)}
        if (engines and engine not in engines) or (forests and f"{OF_FOREST}{forest}" not in forests):
            return None
        return self.causes.get(detection)

    def feature(self, name: str) -> bool | None:
        """A directory-synchronisation feature of the tenant; None while unknown."""
        return self.features.get(name)


def unless_catching_up(verdict: Verdict | None, lags: bool, now_ms: int) -> Verdict | None:
    """A verdict by numbers of which one side lags behind the other: what is open stays, and nothing opens."""
    if verdict is None or not lags:
        return verdict
    return replace(verdict, keep_open=True, open_at_ms=now_ms + _CATCHING_UP_MS)


OF_FOREST = "forest/"
"""How what a cause is about begins where it is a forest."""

_ENGINES = frozenset({CONNECT, CLOUD_SYNC})
_CATCHING_UP_MS = 60_000
"""When to look again; news of either side brings an earlier look."""

Rule = Callable[[Any, Context, int], Verdict | None]


def context_of(
    tenant: str,
    state: TenantState | None,
    sync_interval_ms: int,
    causes: Mapping[str, str] | None = None,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    learned_cycle_ms: int | None = None,
    cause_only: Mapping[str, frozenset[str]] | None = None,
    flows: Mapping[str, str] | None = None,
    forests_read: bool = False,
    accept_orphans: bool = False,
    elsewhere: frozenset[str] | None = frozenset(),
    engine_units: bool = False,
    scope_groups: Mapping[str, tuple[str, ...] | None] | None = None,
) -> Context:
    """The context made of what is known of a tenant."""
    if state is None:
        return Context(
            tenant, sync_interval_ms, causes=causes or {}, thresholds=thresholds, flows=flows or {}, elsewhere=elsewhere
        )
    domains = state.domains
    return Context(
        tenant=tenant,
        sync_interval_ms=sync_interval_ms,
        verified_domains=verified_domains(state),
        initial_domain=next((domain.name for domain in domains or () if domain.is_initial), None),
        features=state.features or {},
        privileged_ids=frozenset(state.privileged_ids) if state.privileged_ids is not None else None,
        object_identifiers=state.object_identifiers,
        collected=state.collected,
        devices_collected=state.devices_collected,
        managers_since_ms=state.managers_since_ms,
        thresholds=thresholds,
        causes=causes or {},
        cause_only=cause_only or {},
        flows=flows or {},
        forests_read=forests_read,
        accept_orphans=accept_orphans,
        elsewhere=elsewhere,
        job_kinds=frozenset(str(job["kind"]) for job in state.jobs or () if "kind" in job),
        engines=engines_of(state),
        cloud_sync_forests=cloud_sync_forests(state),
        engine_units=engine_units,
        scope_groups=scope_groups or {},
        cloud_sync_groups=cloud_sync_groups(state),
        learned_cycle_ms=learned_cycle_ms,
        synchronised=(state.organization or {}).get("onPremisesSyncEnabled", True) is True,
    )


def verified_domains(state: TenantState) -> frozenset[str] | None:
    """The verified domains of a tenant, in lower case; None while unknown."""
    return _names(domain.name for domain in state.domains if domain.is_verified) if state.domains else None


def domains_elsewhere(others: Iterable[TenantState | None]) -> frozenset[str] | None:
    """What is verified in any of the other tenants of a forest; None while that of one is unknown."""
    known = [verified_domains(state) if state is not None else None for state in others]
    return frozenset().union(*(each or () for each in known)) if None not in known else None


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
