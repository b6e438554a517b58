"""The tenant's own state: organization, domains, synchronisation and its jobs, holders of directory roles.

Each part is probed alone. A refusal (403: onPremisesSynchronization has no application permission in most
tenants) means unknown, never "off", and is told as refused; a part that cannot be reached right now keeps its
last value.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from producers.graph.client import GraphClient, GraphError
from producers.graph.mapping.audits import guid
from producers.graph.mapping.synchronization import groups_of, job_of, settings_of
from producers.graph.page import UnreadableItem
from producers.graph.task import Step
from producers.graph.trail import Trail
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import RetriableError
from streams.contracts.facts import CLOUD_SYNC_JOB, Domain, TenantState
from streams.runtime.clock import HybridClock, now_ms, rfc3339
from streams.runtime.logs import get_logger

# What rules may use; addresses and telephone numbers of the organization stay where they are.
_ORGANIZATION = (
    "id",
    "displayName",
    "tenantType",
    "createdDateTime",
    "onPremisesSyncEnabled",
    "onPremisesLastSyncDateTime",
    "verifiedDomains",
)
_BETA_ORGANIZATION = ("onPremisesLastPasswordSyncDateTime", "directorySizeQuota")
_LONGEST_LIST = 50_000
# The application template of Cloud Sync ("Provision from Active Directory"): its service principals hold the jobs.
_CLOUD_SYNC = "1a4721b3-e57f-4451-ae87-ef078703ec94"
_OF_CLOUD_SYNC = quote(f"applicationTemplateId eq '{_CLOUD_SYNC}'")
CLOUD_SYNC_PRINCIPALS = f"/servicePrincipals?$filter={_OF_CLOUD_SYNC}&$select=id"
# The few whom a hard match may concern. Filters with "ne" need ConsistencyLevel and $count (Graph, "Advanced query").
_UNMATCHED = (
    "/users?$count=true&$top=999&$select=id,onPremisesObjectIdentifier&$filter="
    + quote("onPremisesImmutableId ne null and onPremisesSyncEnabled eq false")
)
_MOST_UNMATCHED = 5_000
_REFUSED = frozenset({401, 403})
_GONE = 404
# What differs from answer to answer: a refusal that repeats must read the same.
_PASSING = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d{4}-\d\d-\d\d[T ][\d:.]+Z?")
_LONGEST_REFUSAL = 200
_SCHEMA_S = 3600.0

log = get_logger(__name__)


class _PartRefused(Exception):
    """A request on the way to a part was refused: `part` names it, by the name that tells its permission."""

    def __init__(self, part: str, error: GraphError) -> None:
        self.part = part
        self.error = error
        super().__init__(str(error))


class TenantTask:
    """Reads the tenant's state every `interval_s`, and emits it each time: the time of the reading is part of it."""

    name = "tenant"

    def __init__(self, client: GraphClient, tenant: str, source: str, sequence: HybridClock, interval_s: float) -> None:
        self.interval_s = interval_s
        self._client = client
        self._tenant = tenant
        self._source = source
        self._sequence = sequence
        self._published: dict[str, Any] | None = None
        self._collected = {"collected": False, "devices_collected": False}
        self._logged: dict[str, str] = {}
        self._refused_parts: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._more_refused: Callable[[], dict[str, str]] = dict
        self._managers_since_ms: Callable[[], int] = int
        self._beta_settings: dict[str, Any] = {}
        self._scopes: dict[str, tuple[float, dict[str, Any]]] = {}
        # One request may answer several parts.
        self._probes: dict[tuple[str, ...], Callable[[], dict[str, Any]]] = {
            ("organization",): lambda: {"organization": self._organization()},
            ("domains",): lambda: {"domains": self._domains()},
            ("features", "synchronization"): self._synchronization,
            ("privileged_ids",): lambda: {"privileged_ids": self._privileged_ids()},
            ("jobs",): lambda: {"jobs": self._jobs()},
            ("object_identifiers",): lambda: {"object_identifiers": self._object_identifiers()},
        }
        self._parts = [name for names in self._probes for name in names]

    def also_refused(self, refusals: Callable[[], dict[str, str]]) -> None:
        """Tell with each reading what `refusals` names, too: parts that other tasks may not read, and the answer."""
        self._more_refused = refusals

    def also_managers(self, since_ms: Callable[[], int]) -> None:
        """Tell with each reading since when users' managers are told."""
        self._managers_since_ms = since_ms

    @property
    def ready(self) -> bool:
        """Always."""
        return True

    @property
    def resting(self) -> bool:
        """Always: one fetch is a whole round."""
        return True

    @property
    def full_pass(self) -> str | None:
        """Never."""
        return None

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Nothing: the state is emitted once after each start."""

    def fetch(self) -> dict[str, Any]:
        """The parts that answered; a refused one is None, one out of reach is missing.

        Raises RetriableError if none answered.
        """
        parts: dict[str, Any] = {}
        failure: RetriableError | None = None
        for names, probe in self._probes.items():
            try:
                parts |= probe()
                self._note(names, None)
            except _PartRefused as refused:
                parts |= dict.fromkeys(names)
                self._note(names, refused.error, reported_as=refused.part)
            except GraphError as error:
                parts |= dict.fromkeys(names)
                self._note(names, error)
            except RetriableError as error:
                failure = error
        if failure is not None and not parts:
            raise failure
        # A copy: the next fetch may run while this answer is told.
        return {**parts, "refused": dict(self._refused_parts)}

    def apply(self, answer: dict[str, Any]) -> Step:
        """The tenant's state; nothing if no part of it was read."""
        self._refused = answer["refused"]
        return self._emit({**(self._published or dict.fromkeys(self._parts)), **answer})

    def emit_again(self) -> None:
        """Tell the next reading, changed or not."""
        self._published = None

    def collected(self, *, devices: bool) -> Step:
        """The tenant's state again, once the first full reading is in Kafka; `devices`: theirs is, too."""
        self._collected = {"collected": True, "devices_collected": devices}
        return Step() if self._published is None else self._emit(dict(self._published))

    def _emit(self, known: dict[str, Any]) -> Step:
        known |= self._collected
        known["managers_since_ms"] = self._managers_since_ms()
        known["refused"] = {**self._more_refused(), **self._refused}
        if known["domains"] is None and known["organization"] is not None:
            known["domains"] = _verified_domains(known["organization"])
        if known == self._published:
            return Step()
        self._published = known
        seq, ts_ms = self._sequence.next(), now_ms()
        state = TenantState(tenant=self._tenant, seq=seq, ts_ms=ts_ms, **known)
        saved = Checkpoint(source=self._source, part=self.name, seq=seq, ts_ms=ts_ms, position={"told": seq})
        return Step(tenants=[state], checkpoints=[saved])

    def _note(self, names: tuple[str, ...], error: GraphError | None, reported_as: str | None = None) -> None:
        """Remember what is refused, and log it once; what does not exist is unknown and no refusal.

        told_as: the part that was refused on the way to the one of `names`.
        """
        if names == ("jobs",):
            self._refused_parts.pop("service_principals", None)
        for name in names:
            if error is None:
                self._logged.pop(name, None)
            elif self._logged.get(name) != error.code:
                log.warning("unknown", source=self._source, part=name, error=str(error))
                self._logged[name] = error.code
            self._refused_parts.pop(name, None)
            if error is not None and error.status in _REFUSED:
                self._refused_parts[reported_as or name] = _refusal(error)

    def _organization(self) -> dict[str, Any]:
        """The organization, with the time of this reading: how old its times are can only be judged by that."""
        found = self._items(self._client.url("/organization"), 1)
        entity = found[0] if found else {}
        known = {name: _plain(entity[name]) for name in _ORGANIZATION if name in entity}
        return {**known, **self._beta_organization(), "readDateTime": rfc3339(now_ms())}

    def _beta_organization(self) -> dict[str, Any]:
        """What only the beta of Graph tells; nothing where it does not answer."""
        try:
            found = self._items(self._client.beta_url(f"/organization?$select={','.join(_BETA_ORGANIZATION)}"), 1)
        except (GraphError, RetriableError) as error:
            log.debug("unknown", source=self._source, part="beta organization", error=str(error))
            return {}
        entity = found[0] if found else {}
        return {name: _plain(entity[name]) for name in _BETA_ORGANIZATION if name in entity}

    def _domains(self) -> list[Domain]:
        return [
            Domain(
                name=str(item["id"]).lower(),
                is_verified=item.get("isVerified") is not False,
                is_initial=item.get("isInitial") is True,
                is_default=item.get("isDefault") is True,
                authentication_type=_text(item.get("authenticationType")),
            )
            for item in self._items(self._client.url("/domains"))
            if isinstance(item.get("id"), str)
        ]

    def _synchronization(self) -> dict[str, Any]:
        found = self._items(self._client.url("/directory/onPremisesSynchronization"), 1)
        if not found:
            return {"features": None, "synchronization": None}
        features = found[0].get("features")
        if isinstance(features, dict):
            features = {name: value for name, value in features.items() if value is None or isinstance(value, bool)}
        else:
            features = None
        return {"features": features, "synchronization": {**self._of_beta(), **settings_of(found[0])}}

    def _of_beta(self) -> dict[str, Any]:
        """What only the beta tells; the last of it while it is out of reach."""
        try:
            found = self._items(self._client.beta_url("/directory/onPremisesSynchronization"), 1)
            self._beta_settings = settings_of(found[0]) if found else {}
        except GraphError as error:
            log.debug("unknown", source=self._source, part="beta synchronization", error=str(error))
            self._beta_settings = {}
        except RetriableError as error:
            log.debug("out of reach", source=self._source, part="beta synchronization", error=str(error))
        return self._beta_settings

    def _jobs(self) -> list[dict[str, Any]]:
        """The jobs of every Cloud Sync configuration, by id; none where Cloud Sync is not used."""
        jobs = []
        try:
            principals = self._items(self._client.url(CLOUD_SYNC_PRINCIPALS))
        except GraphError as error:
            # Another permission than that of the jobs: the refusal must name the one that lacks.
            raise _PartRefused("service_principals", error) from error
        for name in [each["id"] for each in principals if guid(each.get("id"))]:
            try:
                found = self._items(self._client.url(jobs_path(name)))
            except GraphError as error:
                if error.status != _GONE:
                    raise
                continue  # removed since it was listed
            jobs += [job_of(job, name) | self._scope_of(job, name) for job in found if isinstance(job.get("id"), str)]
        return sorted(jobs, key=lambda job: str(job["id"]))

    def _scope_of(self, job: dict[str, Any], principal: str) -> dict[str, Any]:
        """The groups by which a job from AD is scoped, read once an hour, for a schema is large; unknown: nothing."""
        name = str(job["id"])
        if not name.startswith(CLOUD_SYNC_JOB):
            return {}
        read_at, scopes = self._scopes.get(name, (-_SCHEMA_S, {}))
        if time.monotonic() < read_at + _SCHEMA_S:
            return scopes
        try:
            groups = groups_of(self._client.get(self._client.url(f"{jobs_path(principal)}/{quote(name)}/schema")))
        except (GraphError, RetriableError) as error:
            log.debug("unknown", source=self._source, part="synchronization schema", error=str(error))
            return scopes
        scopes = {} if groups is None else {"groups": groups}
        self._scopes[name] = time.monotonic(), scopes
        return scopes

    def _privileged_ids(self) -> list[str]:
        found = self._items(self._client.url("/roleManagement/directory/roleAssignments?$select=principalId"))
        return sorted({item["principalId"].lower() for item in found if isinstance(item.get("principalId"), str)})

    def _object_identifiers(self) -> dict[str, str] | None:
        """See TenantState. None where the beta does not tell, or of too many."""
        try:
            found = self._items(self._client.beta_url(_UNMATCHED), _MOST_UNMATCHED, {"ConsistencyLevel": "eventual"})
        except GraphError as error:
            log.debug("unknown", source=self._source, part="object identifiers", error=str(error))
            return None
        if len(found) >= _MOST_UNMATCHED:
            return None
        mapped = ((guid(each.get("id")), guid(each.get("onPremisesObjectIdentifier"))) for each in found)
        return {name: identifier for name, identifier in mapped if name and identifier}

    def _items(
        self, start: str, most: int = _LONGEST_LIST, headers: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        url: str | None = start
        trail = Trail(f"tenant {start.partition('?')[0]}")
        while url is not None and len(items) < most:
            page = self._client.get(url, headers)
            value = page.get("value")
            if not isinstance(value, list):
                raise RetriableError(f"{start}: the answer has no value; asking again")
            items += [item for item in value if isinstance(item, dict) and not isinstance(item, UnreadableItem)]
            url = trail.after(url, page)
        return items


def jobs_path(service_principal: str) -> str:
    """Where the synchronization jobs of a service principal are."""
    return f"/servicePrincipals/{service_principal}/synchronization/jobs"


def _plain(value: object) -> Any:
    """A value, a table or a list of tables without anything inside that is deeper: Graph sends no more."""
    if isinstance(value, list):
        return [_plain(each) for each in value if isinstance(each, dict)]
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if not isinstance(each, dict | list)}
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _refusal(error: GraphError) -> str:
    return f"{error.status} {error.code}: {_PASSING.sub('...', error.message)}"[:_LONGEST_REFUSAL]


def _verified_domains(organization: dict[str, Any]) -> list[Domain] | None:
    listed = organization.get("verifiedDomains")
    if not isinstance(listed, list):
        return None
    return [
        Domain(
            name=str(item["name"]).lower(),
            is_initial=item.get("isInitial") is True,
            is_default=item.get("isDefault") is True,
            authentication_type=_text(item.get("type")),
        )
        for item in listed
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    ]
