"""The tenant's own state: organization, domains, sync features, holders of directory roles.

Each part is probed alone. A refusal (403: onPremisesSynchronization has no application permission in most
tenants) means unknown, never "off"; a part that cannot be reached right now keeps its last value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from producers.graph.client import GraphClient, GraphError
from producers.graph.task import Step
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import RetriableError
from streams.contracts.facts import Domain, TenantState
from streams.runtime.clock import Sequence, now_ms, rfc3339
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

log = get_logger(__name__)


class TenantTask:
    """Reads the tenant's state every `interval_s`, and tells it each time: the reading itself is news."""

    name = "tenant"

    def __init__(self, client: GraphClient, tenant: str, source: str, sequence: Sequence, interval_s: float) -> None:
        self.interval_s = interval_s
        self._client = client
        self._tenant = tenant
        self._source = source
        self._sequence = sequence
        self._told: dict[str, Any] | None = None
        self._collected = {"collected": False, "devices_collected": False}
        self._refusals: dict[str, str] = {}
        self._probes: dict[str, Callable[[], Any]] = {
            "organization": self._organization,
            "domains": self._domains,
            "features": self._features,
            "privileged_ids": self._privileged_ids,
        }

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
        """Nothing: the state is told once after each start."""

    def fetch(self) -> dict[str, Any]:
        """The parts that answered; a refused one is None, one out of reach is missing.

        Raises RetriableError if none answered.
        """
        parts: dict[str, Any] = {}
        failure: RetriableError | None = None
        for name, probe in self._probes.items():
            try:
                parts[name] = probe()
                self._refusals.pop(name, None)
            except GraphError as error:
                parts[name] = None
                if self._refusals.get(name) != error.code:
                    log.warning("unknown", source=self._source, part=name, error=str(error))
                self._refusals[name] = error.code
            except RetriableError as error:
                failure = error
        if failure is not None and not parts:
            raise failure
        return parts

    def apply(self, answer: dict[str, Any]) -> Step:
        """The tenant's state; nothing if no part of it was read."""
        return self._tell({**(self._told or dict.fromkeys(self._probes)), **answer})

    def collected(self, *, devices: bool) -> Step:
        """The tenant's state again, once the first full reading is in Kafka; `devices`: theirs is, too."""
        self._collected = {"collected": True, "devices_collected": devices}
        return Step() if self._told is None else self._tell(dict(self._told))

    def _tell(self, known: dict[str, Any]) -> Step:
        known |= self._collected
        if known["domains"] is None and known["organization"] is not None:
            known["domains"] = _verified_domains(known["organization"])
        if known == self._told:
            return Step()
        self._told = known
        seq, ts_ms = self._sequence.next(), now_ms()
        state = TenantState(tenant=self._tenant, seq=seq, ts_ms=ts_ms, **known)
        saved = Checkpoint(source=self._source, part=self.name, seq=seq, ts_ms=ts_ms, position={"told": seq})
        return Step(tenants=[state], checkpoints=[saved])

    def _organization(self) -> dict[str, Any]:
        """The organization, with the time of this reading: how old its times are can only be judged by that."""
        found = self._items(self._client.url("/organization"), 1)
        entity = found[0] if found else {}
        known = {name: entity[name] for name in _ORGANIZATION if name in entity}
        return {**known, **self._beta_organization(), "readDateTime": rfc3339(now_ms())}

    def _beta_organization(self) -> dict[str, Any]:
        """What only the beta of Graph tells; nothing where it does not answer."""
        try:
            found = self._items(self._client.beta_url(f"/organization?$select={','.join(_BETA_ORGANIZATION)}"), 1)
        except (GraphError, RetriableError) as error:
            log.debug("unknown", source=self._source, part="beta organization", error=str(error))
            return {}
        entity = found[0] if found else {}
        return {name: entity[name] for name in _BETA_ORGANIZATION if name in entity}

    def _domains(self) -> list[Domain]:
        return [
            Domain(
                name=str(item["id"]).lower(),
                is_verified=item.get("isVerified") is not False,
                is_initial=item.get("isInitial") is True,
                is_default=item.get("isDefault") is True,
                authentication_type=item.get("authenticationType"),
            )
            for item in self._items(self._client.url("/domains"))
            if isinstance(item.get("id"), str)
        ]

    def _features(self) -> dict[str, bool | None] | None:
        found = self._items(self._client.url("/directory/onPremisesSynchronization"), 1)
        features = found[0].get("features") if found else None
        if not isinstance(features, dict):
            return None
        return {name: value for name, value in features.items() if value is None or isinstance(value, bool)}

    def _privileged_ids(self) -> list[str]:
        found = self._items(self._client.url("/roleManagement/directory/roleAssignments?$select=principalId"))
        return sorted({str(item["principalId"]).lower() for item in found if item.get("principalId")})

    def _items(self, start: str, most: int = _LONGEST_LIST) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        url: str | None = start
        while url is not None and len(items) < most:
            page = self._client.get(url)
            value, following = page.get("value"), page.get("@odata.nextLink")
            if not isinstance(value, list):
                raise RetriableError(f"{start}: the answer has no value; asking again")
            items += [item for item in value if isinstance(item, dict)]
            url = following if isinstance(following, str) else None
        return items


def _verified_domains(organization: dict[str, Any]) -> list[Domain] | None:
    listed = organization.get("verifiedDomains")
    if not isinstance(listed, list):
        return None
    return [
        Domain(
            name=str(item["name"]).lower(),
            is_initial=item.get("isInitial") is True,
            is_default=item.get("isDefault") is True,
            authentication_type=item.get("type"),
        )
        for item in listed
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    ]
