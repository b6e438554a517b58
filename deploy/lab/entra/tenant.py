"""The lab tenant: everything Microsoft Entra ID would hold, in memory.

The lab's sync engine and stories write here; the Graph service only reads. Nothing is
checked for uniqueness: matching and quarantine are the sync engine's work.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deploy.lab.entra.activity import ActivityLog, LogName
from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.change_log import Entry
from deploy.lab.entra.collection import Collection
from deploy.lab.entra.graph_time import Clock, precise_time, wall_clock
from deploy.lab.entra.managers import Managers
from deploy.lab.entra.membership import Membership
from deploy.lab.entra.profile import FEATURES, Domain, TenantProfile
from deploy.lab.entra.schema import SCHEMAS, Kind


class TenantStore:
    """One tenant.

    Args:
        tenant_id: GUID of the tenant.
        initial_domain: the domain placeholder names end in; verified from the start.
        display_name: name of the organization.
        clock: milliseconds since the epoch; the lab passes its compressible clock. It stamps
            every change and decides when deleted items and delta tokens end.
    """

    def __init__(
        self,
        tenant_id: str,
        initial_domain: str = "contoso.onmicrosoft.com",
        *,
        display_name: str = "Contoso",
        clock: Clock = wall_clock,
    ) -> None:
        self.tenant_id = tenant_id
        self.initial_domain = initial_domain
        self.generation = uuid.uuid4().hex[:8]
        self.clock = clock
        self.profile = TenantProfile(tenant_id, display_name, clock, clock())
        self.profile.domains[initial_domain] = Domain(initial_domain, default=True, initial=True)
        self.collections: dict[Kind, Collection] = {kind: Collection(schema, clock) for kind, schema in SCHEMAS.items()}
        self.members = Membership(self.collections["group"], clock)
        self.managers = Managers(self.collections["user"])
        names: tuple[LogName, ...] = ("directoryAudits", "provisioning", "signIns")
        self.logs: dict[LogName, ActivityLog] = {name: ActivityLog(name, clock) for name in names}
        self.cloud_managed: set[str] = set()
        # Permissions whose consent was withdrawn: no application has them, whatever its token says.
        self.revoked: set[str] = set()
        # Microsoft's pages disagree on hybrid devices: gone at once, or kept like users. A story may set it.
        self.keeps_deleted_devices = False
        self.apps: dict[str, AppRegistration] = {}

    def upsert(self, kind: Kind, object_id: str | None, properties: Mapping[str, Any]) -> str:
        """Create an object (`object_id` None or new) or change the named properties of one.

        None clears a property that was set and is ignored for one that never was, because
        delta tells the two apart. Values equal to the present ones are no change.

        Raises:
            ValueError: unknown property name, or the object is soft-deleted.
        """
        return self.collections[kind].put(object_id, properties).id

    def delete(self, kind: Kind, object_id: str, *, at_ms: int | None = None) -> None:
        """Delete as Entra does: users and groups stay restorable for 30 days, others are gone.

        Devices stay, too, where `keeps_deleted_devices` is set. `at_ms`: it was then; None: it is now.

        Raises:
            KeyError: no such live object.
        """
        collection, entry = self._live(kind, object_id)
        keep = collection.schema.soft_delete or (kind == "device" and self.keeps_deleted_devices)
        self.members.suspend(object_id, keep=keep)
        self.managers.drop(object_id)
        if keep:
            collection.soft_delete(entry, self.clock() if at_ms is None else at_ms)
        else:
            collection.hard_delete(entry)

    def hard_delete(self, kind: Kind, object_id: str) -> None:
        """Remove a live or soft-deleted object for good.

        Raises:
            KeyError: no such object.
        """
        collection = self.collections[kind]
        entry = collection.entries.get(object_id)
        if entry is None:
            raise KeyError(f"no {kind} {object_id}")
        self.members.suspend(object_id, keep=False)
        self.managers.drop(object_id)
        if kind == "group":
            self.members.drop_group(object_id)
        self.cloud_managed.discard(object_id)
        collection.hard_delete(entry)

    def restore(self, kind: Kind, object_id: str) -> None:
        """Bring a soft-deleted object back, its memberships included.

        Raises:
            KeyError: no such deleted object.
        """
        entry = self.collections[kind].deleted(object_id)
        if entry is None:
            raise KeyError(f"no deleted {kind} {object_id}")
        self.collections[kind].restore(entry)
        self.members.resume(object_id)

    def get(self, kind: Kind, object_id: str, *, deleted: bool = False) -> dict[str, Any] | None:
        """Return `id` and every property ever set of a live (or soft-deleted) object, or None."""
        collection = self.collections[kind]
        entry = collection.deleted(object_id) if deleted else collection.live(object_id)
        return None if entry is None else {"id": entry.id, **collection.values(entry)}

    def find_by(self, kind: Kind, name: str, value: str, *, deleted: bool = False) -> list[str]:
        """Return ids of objects whose property has (or, for a list, contains) `value`.

        Indexed: userPrincipalName, mail, proxyAddresses, onPremisesImmutableId,
        onPremisesSecurityIdentifier, deviceId; others are searched through. Compared without
        case, except the immutable id.
        """
        return [entry.id for entry in self.collections[kind].find(name, value, deleted=deleted)]

    def ids(self, kind: Kind) -> list[str]:
        """Return the ids of all live objects of a kind."""
        collection = self.collections[kind]
        return [one for one in collection.entries if one not in collection.deleted_ms]

    def kind_of(self, object_id: str) -> Kind | None:
        """Return the kind of an object, deleted ones included, or None if it was never here."""
        for kind, collection in self.collections.items():
            if object_id in collection.entries or object_id in collection.tombstones:
                return kind
        return None

    def count(self) -> int:
        """Count the live objects of every kind."""
        return sum(len(collection) for collection in self.collections.values())

    def set_members(self, group_id: str, member_ids: Iterable[str]) -> None:
        """Make these the members of a group, in one change.

        Raises:
            KeyError: no such live group.
        """
        wanted = dict.fromkeys(self._own(one) for one in member_ids)
        leave = [one for one in self.members.of(group_id) if one not in wanted]
        self.members.change(self._live("group", group_id)[1], wanted, leave)

    def add_member(self, group_id: str, member_id: str) -> None:
        """Add one member; no change if it is one. Raises KeyError: no such live group."""
        self.members.change(self._live("group", group_id)[1], join=[self._own(member_id)])

    def remove_member(self, group_id: str, member_id: str) -> None:
        """Remove one member; no change if it is none. Raises KeyError: no such live group."""
        self.members.change(self._live("group", group_id)[1], leave=[member_id])

    def set_manager(self, user_id: str, manager_id: str | None) -> None:
        """Give a user this manager, or none. Raises KeyError: no such live user."""
        self.managers.change(self._live("user", user_id)[1], None if manager_id is None else self._own(manager_id))

    def set_provisioning_errors(self, kind: Kind, object_id: str, errors: Sequence[Mapping[str, str]]) -> None:
        """Replace `onPremisesProvisioningErrors`; each error names propertyCausingError and value.

        Category and time are filled in; an error that stands already keeps its first time.
        """
        collection, entry = self._live(kind, object_id)
        standing = collection.values(entry).get("onPremisesProvisioningErrors") or []
        since = {(e["propertyCausingError"], e["value"]): e["occurredDateTime"] for e in standing}
        now = precise_time(self.clock())
        full = [
            {
                "category": "PropertyConflict",
                "occurredDateTime": since.get((e["propertyCausingError"], e["value"]), now),
                **e,
            }
            for e in errors
        ]
        collection.put(object_id, {"onPremisesProvisioningErrors": full})

    def set_cloud_managed(self, object_id: str, managed: bool) -> None:
        """Move the source of authority of an object to the cloud, or back.

        onPremisesSyncEnabled is null from then on; given back, until the engine takes the object over (Microsoft,
        "Configure User Source of Authority").
        """
        (self.cloud_managed.add if managed else self.cloud_managed.discard)(object_id)
        for collection in self.collections.values():
            if managed and collection.live(object_id) is not None:
                collection.put(object_id, {"onPremisesSyncEnabled": None})

    def set_features(self, **flags: bool) -> None:
        """Switch synchronization features. Raises ValueError: no such feature."""
        if unknown := sorted(set(flags) - set(FEATURES)):
            raise ValueError(f"no synchronization feature {', '.join(unknown)}")
        self.profile.features.update(flags)

    def add_domain(
        self, name: str, *, authentication: str = "Managed", verified: bool = True, default: bool = False
    ) -> None:
        """Add a domain, or change one; `authentication` is Managed or Federated."""
        if default:
            for other in self.profile.domains.values():
                other.default = False
        self.profile.domains[name] = Domain(name, authentication, verified, default, name == self.initial_domain)

    def remove_domain(self, name: str) -> None:
        """Remove a domain. Raises KeyError: no such domain; ValueError: the initial domain."""
        if name == self.initial_domain:
            raise ValueError(f"{name} is the initial domain and stays")
        if self.profile.domains.pop(name).default:
            self.profile.domains[self.initial_domain].default = True

    def grant_admin(self, principal_id: str, role: str = "Global Administrator") -> None:
        """Give a directory role. Raises ValueError: no such role."""
        self.profile.grant(principal_id, role)

    def revoke_admin(self, principal_id: str) -> None:
        """Take every directory role away."""
        self.profile.roles = [r for r in self.profile.roles if r.principal_id != principal_id]

    def is_admin(self, principal_id: str) -> bool:
        """Say whether a user or group holds any directory role."""
        return any(r.principal_id == principal_id for r in self.profile.roles)

    def record_sync(self) -> None:
        """Say that directory synchronization reached the tenant now."""
        self.profile.last_sync_ms = self.clock()

    def append_log(self, log: LogName, row: Mapping[str, Any], *, delay_s: float = 0.0) -> str:
        """Append a row to an activity log and return its id; see `ActivityLog.append`."""
        return self.logs[log].append(row, delay_s=delay_s)

    def register_app(self, app: AppRegistration) -> None:
        """Let an application ask for tokens of this tenant."""
        self.apps[app.client_id] = app

    def purge(self) -> int:
        """Remove for good what has been soft-deleted for 30 days; return how many."""
        purged = 0
        for kind, collection in self.collections.items():
            for entry in collection.overdue():
                self.hard_delete(kind, entry.id)
                purged += 1
        return purged

    def _live(self, kind: Kind, object_id: str) -> tuple[Collection, Entry]:
        collection = self.collections[kind]
        entry = collection.live(object_id)
        if entry is None:
            raise KeyError(f"no {kind} {object_id}")
        return collection, entry

    def _own(self, object_id: str) -> str:
        """Return the store's own copy of an id, so that links share it."""
        for collection in self.collections.values():
            if (entry := collection.entries.get(object_id)) is not None:
                return entry.id
        return object_id
