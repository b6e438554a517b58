"""What must be open for the lab's directories as they stand: read from the stores, never from the pipeline."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from deploy.lab.directory.results import DirectoryError
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra.tenant import TenantStore
from producers.ad.attributes import NAMES
from producers.ad.facts import WANTED
from producers.ad.forest import SCP
from producers.ad.ldap.wire import Entry
from producers.ad.mapping import read_change, rfc3339_of_generalized_time
from producers.graph.collections import COLLECTIONS
from producers.graph.mapping.objects import attributes_of
from streams.contracts.facts import FOREST_KEYWORDS, WRITEBACK_ENABLED, Domain, ObjectKind, TenantState
from streams.directory.scope import Scope, scope_name
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject
from streams.runtime.settings import Settings


def objects_of_directory(store: DirectoryStore, tenant: str, changed_ms: int) -> Iterator[OracleObject]:
    """Every living object of a lab directory that is told of; all of them changed at `changed_ms`."""
    for item in store.objects():
        raw = {name: list(values) for name in NAMES if (values := item.raw(name))}
        change = read_change(Entry(item.dn, raw))
        if change.kind not in WANTED:
            continue
        links = {
            (link, sid)
            for link in ("member", "manager")
            for target in item.targets(link)
            if (sid := store.get(target).sid) is not None
        }
        attributes = {name: value for name, value in change.attributes.items() if value is not None}
        state = ObjectState(
            object_id=change.object_id, side="ad", tenant=tenant, forest=store.domain, kind=change.kind,
            attributes=attributes, changed_ms=changed_ms,
        )  # fmt: skip
        yield OracleObject(state, frozenset(links))


def objects_of_tenant(store: TenantStore, changed_ms: int) -> Iterator[OracleObject]:
    """Every user, group, contact and device of a lab tenant, as Graph would show it whole; also deleted items."""
    kinds = {"users": "user", "groups": "group", "contacts": "contact", "devices": "device"}
    for collection in COLLECTIONS:
        kind = kinds[collection.name]
        kept = store.collections[kind].deleted_ms  # type: ignore[index]
        for object_id in [*store.ids(kind), *kept]:  # type: ignore[arg-type]
            item = store.get(kind, object_id, deleted=object_id in kept)  # type: ignore[arg-type]
            assert item is not None
            attributes = attributes_of(item, collection, full=True)
            if object_id in kept:
                attributes["@removed"] = "changed"
                if "userPrincipalName" in attributes:  # as people know it: deletion puts the id in front
                    upn = attributes["userPrincipalName"]
                    attributes["userPrincipalName"] = upn.removeprefix(object_id.replace("-", ""))
            mark = (item.get("writebackConfiguration") or {}).get("isEnabled")
            if mark is not None:
                attributes[WRITEBACK_ENABLED] = mark
            state = ObjectState(
                object_id=object_id, side="entra", tenant=store.tenant_id, kind=collection.kind,
                attributes=attributes, alive=object_id not in kept, changed_ms=kept.get(object_id, changed_ms),
            )  # fmt: skip
            links = {("members", member) for member in store.members.of(object_id)}
            manager = store.managers.of(object_id)
            yield OracleObject(state, frozenset(links | ({("manager", manager)} if manager else set())))


def forest_of_directory(store: DirectoryStore, tenant: str, changed_ms: int) -> OracleObject:
    """What the AD source says of a forest that is watched for hybrid join (producers.ad.forest)."""
    attributes: dict[str, object] = {"distinguishedName": store.configuration_dn}
    try:
        point = store.get(f"{SCP},{store.configuration_dn}")
    except DirectoryError:
        pass  # there is none
    else:
        attributes[FOREST_KEYWORDS] = sorted(point.all("keywords"))
        attributes["whenChanged"] = rfc3339_of_generalized_time(point.all("whenChanged")[0])
    state = ObjectState(
        object_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"forest.{store.domain}")), side="ad", tenant=tenant,
        forest=store.domain, kind=ObjectKind.FOREST, attributes=attributes, changed_ms=changed_ms,
    )  # fmt: skip
    return OracleObject(state)


def objects_of_lab(forests: Iterable[DirectoryStore], tenant: TenantStore, changed_ms: int) -> list[OracleObject]:
    """Both sides of a lab."""
    found = list(objects_of_tenant(tenant, changed_ms))
    for forest in forests:
        found += objects_of_directory(forest, tenant.tenant_id, changed_ms)
    return found


class LabObjects:
    """Reads both sides of a lab again and again; a directory in which nothing was written since is not read anew."""

    def __init__(self, forests: Iterable[DirectoryStore], tenant: TenantStore) -> None:
        self._forests, self._tenant = list(forests), tenant
        self._known: dict[str, tuple[int, list[OracleObject]]] = {}

    def read(self, changed_ms: int) -> list[OracleObject]:
        """As `objects_of_lab`; what a directory told before says when it was read, not when it is read now."""
        found = list(objects_of_tenant(self._tenant, changed_ms))
        for forest in self._forests:
            usn, objects = self._known.get(forest.domain, (0, []))
            if usn != forest.highest_committed_usn:
                usn = forest.highest_committed_usn
                objects = list(objects_of_directory(forest, self._tenant.tenant_id, changed_ms))
                self._known[forest.domain] = usn, objects
            found += objects
        return found


_MAPPED = "onPremisesObjectIdentifier"


def state_of_tenant(tenant: TenantStore) -> TenantState:
    """The tenant's state as its source would tell it once everything is read (the organization apart)."""
    domains = [
        Domain(domain.name, is_verified=domain.verified, is_initial=domain.name == tenant.initial_domain)
        for domain in tenant.profile.domains.values()
    ]
    mapped = {user: tenant.get("user", user) or {} for user in tenant.collections["user"].unmatched}
    identifiers = {user: str(said[_MAPPED]) for user, said in mapped.items() if said.get(_MAPPED)}
    return TenantState(
        object_identifiers=identifiers,
        tenant=tenant.tenant_id,
        seq=1,
        ts_ms=0,
        domains=domains,
        features=dict(tenant.profile.features),
        privileged_ids=sorted(principal for principal in tenant.ids("user") if tenant.is_admin(principal)),
        collected=True,
        devices_collected=True,
        managers_since_ms=1 if len(tenant.managers) else 0,
    )


def scopes_of(settings: Settings) -> dict[str, Scope]:
    """The scopes the pipeline works with."""
    forests = {
        forest.name: Scope(forest.include_ous, forest.exclude_ous, forest.default_filters, forest.hybrid_join)
        for forest in settings.forest
    }
    tenants = {
        scope_name(tenant, None): Scope(
            group_writeback=any(forest.group_writeback for forest in settings.forest if forest.tenant == tenant),
            device_writeback=any(forest.device_writeback for forest in settings.forest if forest.tenant == tenant),
        )
        for tenant in {forest.tenant for forest in settings.forest}
    }
    return forests | tenants
