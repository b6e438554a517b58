"""Password hash synchronization: a change of pwdLastSet becomes a cloud password, a batch at a time.

No password is read or kept; only the time of its change moves. Source: Microsoft, "Implement password hash
synchronization with Microsoft Entra Connect Sync", "Troubleshoot password hash synchronization" (event ids).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.lab.directory.object import DirectoryObject
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra.graph_time import graph_time
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.events import DIRECTORY_SYNCHRONIZATION
from deploy.lab.password_events import domain_failure, hash_requests, hash_results, ping
from deploy.lab.sync.active_directory import anchor_of
from deploy.lab.sync.audit import AuditTrail
from deploy.lab.sync.event_log import EventLog

_BATCH: Final = 50
_EPOCH_OFFSET_MS: Final = 11_644_473_600_000


@dataclass(frozen=True, slots=True)
class Changed:
    """A password to synchronize. `set_ms`: when it was set, in ms since the epoch."""

    guid: str
    anchor: str
    distinguished_name: str
    set_ms: int


class PasswordHashSync:
    """Synchronizes the passwords of several forests into one tenant.

    What a story breaks: `dead` (it does nothing and says nothing), `fails` (objectGUIDs that Entra refuses),
    `unreadable` (domains whose replication answers with an error, event 611).
    """

    def __init__(self, stores: Sequence[DirectoryStore], tenant: TenantStore, audit: AuditTrail) -> None:
        self.dead = False
        self.fails: set[str] = set()
        self.unreadable: set[str] = set()
        self._stores, self._tenant, self._audit = list(stores), tenant, audit
        self._usn = {store.domain: store.highest_committed_usn for store in stores}
        self._known: dict[str, str] = {}
        self._waiting: dict[str, dict[uuid.UUID, None]] = {store.domain: {} for store in stores}
        for store in stores:
            for found in store.objects():
                if value := found.first("pwdLastSet"):
                    self._known[str(found.guid)] = value

    def run(self, cloud_id: Callable[[str], str | None], log: EventLog, *, idle: bool = False) -> int:
        """Synchronize what changed since the last run; return how many passwords arrived.

        cloud_id: the cloud object of an objectGUID, None while it has none; such a password waits.
        idle:     write the heartbeat 653/654 for a forest without changes.
        """
        if self.dead:
            return 0
        arrived = 0
        for store in self._stores:
            if store.domain in self.unreadable:
                log.write(DIRECTORY_SYNCHRONIZATION, 611, domain_failure(store.domain), level="error")
                continue
            changed = [found for found in self._changed(store) if cloud_id(found.guid) is not None]
            for start in range(0, len(changed), _BATCH):
                arrived += self._send(store.domain, changed[start : start + _BATCH], cloud_id, log)
            if not changed and idle:
                log.write(DIRECTORY_SYNCHRONIZATION, 653, ping(store.domain, end=False))
                log.write(DIRECTORY_SYNCHRONIZATION, 654, ping(store.domain))
                self._tenant.profile.last_password_sync_ms = self._tenant.clock()
        return arrived

    def _send(
        self, forest: str, batch: Sequence[Changed], cloud_id: Callable[[str], str | None], log: EventLog
    ) -> int:
        requests = [(each.anchor, each.distinguished_name) for each in batch]
        log.write(DIRECTORY_SYNCHRONIZATION, 656, hash_requests(requests))
        results = []
        for each in batch:
            well = each.guid not in self.fails
            results.append((each.anchor, each.distinguished_name, well))
            if well:
                self._arrive(each, str(cloud_id(each.guid)))
        log.write(DIRECTORY_SYNCHRONIZATION, 657, hash_results(forest, results))
        self._tenant.profile.last_password_sync_ms = self._tenant.clock()
        return sum(well for _, _, well in results)

    def _arrive(self, changed: Changed, object_id: str) -> None:
        self._tenant.upsert("user", object_id, {"lastPasswordChangeDateTime": graph_time(changed.set_ms)})
        for waiting in self._waiting.values():
            waiting.pop(uuid.UUID(changed.guid), None)
        user = self._tenant.get("user", object_id) or {}
        self._audit.row(
            "Change user password",
            category="UserManagement",
            operation="Update",
            target={
                "id": object_id,
                "displayName": None,
                "type": "User",
                "userPrincipalName": user.get("userPrincipalName"),
                "groupType": None,
                "modifiedProperties": [],
            },
            details=[{"key": "UserType", "value": "Member"}],
        )

    def _changed(self, store: DirectoryStore) -> Iterator[Changed]:
        """The users with a new password, those left over from earlier runs included."""
        waiting, position = self._waiting[store.domain], store.highest_committed_usn
        for change in store.changes_since(self._usn[store.domain]):
            found = store.get(change.guid)
            value = found.first("pwdLastSet") or "0"
            if change.deleted or found.object_class != "user":
                waiting.pop(change.guid, None)
            elif value != self._known.get(str(change.guid), "0"):
                self._known[str(change.guid)] = value
                waiting[change.guid] = None
        self._usn[store.domain] = position
        for guid in list(waiting):
            set_ms = _set_ms(store.get(guid))
            if set_ms is None:  # must change at next logon: a temporary password stays on-premises
                del waiting[guid]
            else:
                yield _describe(store.get(guid), set_ms)


def _describe(found: DirectoryObject, set_ms: int) -> Changed:
    return Changed(str(found.guid), anchor_of(found), found.dn, set_ms)


def _set_ms(found: DirectoryObject) -> int | None:
    """When the password was set; None where there is none, or where it must be changed first."""
    ticks = int(found.first("pwdLastSet") or 0)
    return ticks // 10_000 - _EPOCH_OFFSET_MS if ticks > 0 else None
