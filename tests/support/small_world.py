"""Small directories as settings describe them, and the pure pipeline that reads them as producers would.

Nothing happens by itself: `tell` changes a directory, `rest` lets hours pass in which the tenants are read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from streams.agents.scopes import scopes_of
from streams.agents.worker import options_of
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Link, LinkChange, Operation, Origin, TenantState
from streams.contracts.times import rfc3339
from streams.detections.registry import all_detections
from streams.directory.links import standing_links
from streams.directory.object_row import load_objects, state_key
from streams.evaluation.oracle import OracleObject, expected_findings
from streams.runtime.settings import Settings
from tests.support.cases import START_MS, event_of, fact_of
from tests.support.pipeline import TENANT, Pipeline

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SYNCED = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": "2026-09-21T14:00:00Z"}
_FLOWING = ("displayName", "userPrincipalName", "mail", "proxyAddresses")
_NETWORK = {"servers": ["ldaps://dc"], "bind_user": "u", "bind_password": "p"}


def settings_of(*forests: dict[str, Any], **more: Any) -> Settings:
    """Settings with these forests; a tenant for each that they name, TENANT where they name none."""
    named = [{"tenant": TENANT, **_NETWORK, **forest} for forest in forests]
    ids = dict.fromkeys(each for forest in named for each in [forest["tenant"], *forest.get("tenants", [])])
    tenants = [{"id": each, "client_id": "c", "client_secret": "s"} for each in ids]
    return Settings.model_validate({"forest": named, "tenant": tenants, **more})


def user(name: str, domain: str = "contoso.com", **more: Any) -> dict[str, Any]:
    """What AD says of a user without fault."""
    address = f"{name}@{domain}"
    return {
        "displayName": name.title(), "userPrincipalName": address, "mail": address, "userAccountControl": 512,
        "proxyAddresses": [f"SMTP:{address}", f"smtp:{name}.old@{domain}"],
        "mS-DS-ConsistencyGuid": f"@anchor:{name}", **more,
    }  # fmt: skip


class World:
    """says: tenant -> fields of its TenantState, where they are others than those of a tenant at rest; or what makes
    them, of the time (ms).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.scopes, self.options = scopes_of(settings), options_of(settings)
        self.pipeline = Pipeline(self.scopes, tenants=self.options.tenants)
        self.forests = {
            forest.name: [
                Origin(name=f"ad/{forest.name}", side="ad", tenant=tenant, forest=forest.name)
                for tenant in forest.tenants
            ]
            for forest in settings.forest
        }
        self.tenants = [tenant.id for tenant in settings.tenant]
        self.says: dict[str, dict[str, Any] | Callable[[int], dict[str, Any]]] = {tenant: {} for tenant in self.tenants}
        self.now_ms = START_MS
        self.events: list[Event] = []
        self._numbers = itertools.count(1)

    def tell(self, where: str, name: str, op: str = "u", kind: str | None = None, **said: Any) -> None:
        """A forest ("ad": the first one) or a tenant ("entra": the first one) says something of an object."""
        self.now_ms += 1000
        forest = next(iter(self.forests)) if where == "ad" else where
        if forest in self.forests and op in "rc":
            unit = said.pop("unit", "People")
            base = ",".join(f"DC={part}" for part in forest.split("."))
            said["attributes"] = {"distinguishedName": f"CN={name},OU={unit},{base}", **said.get("attributes", {})}
        raw = {"id": name, "op": op, "kind": kind, **said}
        fact = fact_of(
            "ad" if forest in self.forests else "entra", raw, (START_MS << 12) + next(self._numbers), self.now_ms
        )
        for origin in self._origins(forest):
            self.pipeline.feed(origin, [fact], now_ms=self.now_ms)

    def _origins(self, where: str) -> list[Origin]:
        tenant = self.tenants[0] if where == "entra" else where
        return self.forests.get(where) or [Origin(name=f"entra/{tenant}", side="entra", tenant=tenant)]

    def both(
        self, name: str, kind: str, ours: dict[str, Any], *, forest: str = "ad", tenant: str = "entra",
        unit: str = "People", **links: list[str],
    ) -> None:  # fmt: skip
        """An object of AD, and what synchronisation has made of it in the cloud: "<name>-c"."""
        ad = {"links": {key: {"added": far, "complete": True} for key, far in links.items()}} if links else {}
        self.tell(forest, name, "r", kind, attributes=ours, unit=unit, **ad)
        self.cloud(name, kind, ours, tenant=tenant, **links)

    def cloud(
        self, name: str, kind: str, ours: dict[str, Any], *, tenant: str = "entra", suffix: str = "c",
        said: Mapping[str, Any] | None = None, **links: list[str],
    ) -> None:  # fmt: skip
        """What synchronisation has made of an object of AD in the cloud. said: what is otherwise there."""
        theirs: dict[str, Any] = {key: ours[key] for key in _FLOWING if key in ours} | SYNCED
        if kind != "contact":
            theirs |= {"onPremisesSecurityIdentifier": f"@sid:{name}", "onPremisesSamAccountName": name}
        if kind == "user":
            theirs |= {"onPremisesImmutableId": f"@anchor:{name}", "accountEnabled": True}
        members = [f"{each}-{suffix}" for each in links.get("member", ())]
        cloud = {"links": {"members": {"added": members, "complete": True}}} if "member" in links else {}
        self.tell(tenant, f"{name}-{suffix}", "r", kind, attributes=theirs | dict(said or {}), **cloud)

    def read(self, other: World, side: str) -> None:
        """What a source finds where `other` has left the directories."""
        rows = other.pipeline.object_rows
        for _, raw in list(rows.items(state_key(""))):
            for state in load_objects(raw):
                if state.side != side or not state.alive:
                    continue
                self.now_ms += 1000
                links: dict[str, LinkChange] = {}
                for each in standing_links(state, state.link_buckets, rows):
                    known = links.get(each.attribute, LinkChange(complete=True))
                    links[each.attribute] = replace(known, added=[*known.added, Link(each.far_end, each.sid)])
                fact = Fact(
                    op=Operation.READ, object_id=state.object_id, seq=self.now_ms << 12, ts_ms=self.now_ms,
                    kind=state.kind, attributes=state.attributes, links=links, full=True,
                )  # fmt: skip
                [origin] = [each for each in self._origins(state.forest or state.tenant) if each.tenant == state.tenant]
                self.pipeline.feed(origin, [fact], now_ms=self.now_ms)

    def state(self, tenant: str) -> TenantState:
        """A tenant at rest, and what it is said to be."""
        organization = {
            "onPremisesSyncEnabled": True,
            "readDateTime": rfc3339(self.now_ms),
            "onPremisesLastSyncDateTime": rfc3339(self.now_ms - 60_000),
        }
        at_rest = TenantState(
            tenant=tenant, seq=(START_MS << 12) + next(self._numbers), ts_ms=self.now_ms, organization=organization,
            features={"passwordSyncEnabled": False}, collected=True, devices_collected=True,
        )  # fmt: skip
        told = self.says[tenant]
        said = told(self.now_ms) if callable(told) else told
        return replace(at_rest, **{**said, "organization": organization | said.get("organization", {})})

    def hear(self) -> list[TenantState]:
        """Each tenant is read."""
        states = [self.state(tenant) for tenant in self.tenants]
        for state in states:
            self.pipeline.tell(state)
        self.pipeline.tick(self.now_ms)
        return states

    def rest(self, hours: int = 24) -> list[TenantState]:
        """Hours pass, in which each tenant is read once an hour."""
        states: list[TenantState] = []
        for _ in range(hours):
            self.now_ms += HOUR_MS
            states = self.hear()
        return states

    def log(self, raw: dict[str, Any]) -> None:
        """A log tells of an event, as cases spell it."""
        self.now_ms += 1000
        self.events.append(event_of(raw, next(self._numbers), self.now_ms))
        self.pipeline.log(self.events[-1:], now_ms=self.now_ms)

    def open(self) -> list[str]:
        """The detections of what is open an hour later, once each, after the oracle has agreed."""
        states = self.rest(1)
        wanted = self.oracle(states)
        found = {(each.tenant, each.detection) for each in self.pipeline.open().values()}
        assert found == {(each.tenant, each.detection) for each in wanted.values()}
        return sorted({detection for _, detection in found})

    def oracle(self, states: list[TenantState]) -> dict[str, Any]:
        """What must be open by the objects as they stand in the pipeline's rows."""
        rows, objects = self.pipeline.object_rows, []
        for _, raw in rows.items(state_key("")):
            for state in load_objects(raw):
                links = standing_links(state, state.link_buckets, rows)
                ends = {
                    (each.attribute, (each.sid or "") if state.side == "ad" else each.far_end): each for each in links
                }
                since_ms = {name: each.since_ms for name, each in ends.items()}
                ids = {name: each.far_end for name, each in ends.items()}
                objects.append(OracleObject(state, frozenset(ends), since_ms, ids=ids))
        return expected_findings(
            objects,
            {state.tenant: state for state in states},
            self.scopes,
            all_detections(),
            now_ms=self.pipeline.partition.now_ms,
            events=self.events,
            forests_read=True,
            beside={tenant: options.beside for tenant, options in self.options.tenants.items()},
            scope_groups={tenant: options.scope_groups for tenant, options in self.options.tenants.items()},
        )

    def told_in_vain(self) -> set[str]:
        """The detections of what opened and was not taken back within the hop that an answer takes."""
        ended = {
            key: each for key, each in self.pipeline.published if each is not None and each.resolved_at is not None
        }
        return {
            each.detection
            for key, each in self.pipeline.published
            if each is not None and (key not in ended or ended[key].resolved_at != each.opened_at)
        }
