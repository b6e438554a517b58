"""The engine's Entra connector: the tenant's rules read, objects written, freed values restored."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

from deploy.lab.entra.graph_time import graph_time, precise_time
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.sync.audit import AuditTrail
from deploy.lab.sync.claims import KINDS, Claims
from deploy.lab.sync.mapping import Desired
from deploy.lab.sync.objects import CloudObject, Kind, TenantRules, primary_of
from deploy.lab.sync.resiliency import Settled, released


class Tenant:
    """One tenant as the engine's Entra connector sees it; what it writes, `audit` writes down."""

    def __init__(self, store: TenantStore, server: str = "AADC01") -> None:
        self.store = store
        self.audit = AuditTrail(store, server)
        self.claims = Claims(store)

    def rules(self) -> TenantRules:
        """The configuration of this moment."""
        profile = self.store.profile
        enabled = profile.deletion_prevention != "disabled"
        return TenantRules(
            initial_domain=self.store.initial_domain.lower(),
            verified_domains=frozenset(name.lower() for name, domain in profile.domains.items() if domain.verified),
            features=dict(profile.features),
            privileged_ids=frozenset(assignment.principal_id for assignment in profile.roles),
            deletion_threshold=profile.deletion_threshold if enabled else None,
        )

    def now(self) -> str:
        """The time to write into new provisioning errors."""
        return precise_time(self.store.clock())

    def write(self, wanted: Desired, settled: Settled, own: CloudObject | None, *, lost: Collection[str] = ()) -> str:
        """Create or change the object; return its id. `lost`: properties that never arrive, though nothing fails."""
        properties: dict[str, Any] = dict(wanted.properties)
        properties["proxyAddresses"] = list(settled.addresses)
        properties["mail"] = primary_of(settled.addresses)
        properties["mailNickname"] = wanted.nickname
        properties["onPremisesProvisioningErrors"] = list(settled.errors)
        properties["onPremisesLastSyncDateTime"] = graph_time(self.store.clock())
        if wanted.kind == "user":
            properties["userPrincipalName"] = settled.upn
        for name in ("proxyAddresses", "mail") if "proxyAddresses" in lost else ():
            properties.pop(name)
        properties = {name: value for name, value in properties.items() if name not in lost}
        object_id = self.store.upsert(wanted.kind, own.id if own else None, properties)
        before = own.properties if own else None
        self.audit.wrote(wanted.kind, "Update" if own else "Add", object_id, before=before, after=properties)
        return object_id

    def soft_deleted(self, anchor: str) -> str | None:
        """The id of a deleted user that carries this anchor: exporting it again brings it back."""
        return next(iter(self.store.find_by("user", "onPremisesImmutableId", anchor, deleted=True)), None)

    def restore(self, kind: Kind, object_id: str) -> bool:
        """Bring a soft-deleted object back; False where there is none."""
        with contextlib.suppress(KeyError):
            self.store.restore(kind, object_id)
            self.audit.wrote(kind, "Restore", object_id, before=self.store.get(kind, object_id))
            return True
        return False

    def delete(self, kind: Kind, object_id: str) -> bool:
        """Delete an object; False where the cloud had lost it already."""
        before = self.store.get(kind, object_id)
        with contextlib.suppress(KeyError):
            self.store.delete(kind, object_id)
            self.audit.wrote(kind, "Delete", object_id, before=before)
            return True
        return False

    def sweep(self) -> list[str]:
        """The hourly job: restore every quarantined value that nobody holds any more; return the objects' ids."""
        changed = []
        for found in self._quarantined():
            changes = released(found, self.claims)
            if changes:
                self.store.upsert(found.kind, found.id, changes)
                changed.append(found.id)
        return changed

    def _quarantined(self) -> Iterator[CloudObject]:
        for kind in KINDS:
            for object_id in list(self.store.collections[kind].with_errors["onPremisesProvisioningErrors"]):
                found = self.claims.get(kind, object_id)
                if found is not None:
                    yield found
