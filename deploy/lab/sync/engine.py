"""The cycle: import, synchronize, export, as Microsoft Entra Connect runs it every 30 minutes.

Source: Microsoft, "Microsoft Entra Connect Sync: Scheduler", "… Prevent accidental deletes", "… Design concepts".
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from deploy.lab.events import ADSYNC
from deploy.lab.sync.cloud_sync import go_on
from deploy.lab.sync.devices import DeviceSync
from deploy.lab.sync.event_log import EventLog
from deploy.lab.sync.export import Exporter
from deploy.lab.sync.forest import Forest
from deploy.lab.sync.matching import ErrorCode
from deploy.lab.sync.objects import AdObject, Kind, TenantRules
from deploy.lab.sync.passwords import PasswordHashSync
from deploy.lab.sync.report import CycleReport, ExportError
from deploy.lab.sync.run_log import log_end, log_export, log_import
from deploy.lab.sync.scope import Scope, in_scope
from deploy.lab.sync.space import ConnectorSpace
from deploy.lab.sync.tenant import Tenant
from streams.contracts.identity import immutable_id_of_guid

_ORDER: tuple[Kind, ...] = ("user", "contact", "group")


Parts: TypeAlias = Generator[None, None, CycleReport]
"""A cycle between whose parts time passes."""


def finish(parts: Parts) -> CycleReport:
    """Run what is left of a cycle without a pause."""
    while True:
        try:
            next(parts)
        except StopIteration as over:
            report: CycleReport = over.value
            return report


class Writeback(Protocol):
    """What an export writes into AD: groups, devices."""

    def cycle(self) -> None:
        """Bring AD up to date."""


class SyncEngine:
    """One Connect server: forests in, one tenant out.

    Args:
        forests: the AD connectors.
        tenant:  the Entra connector.
        scopes:  selected organizational units by forest name; a forest without one is taken whole.
        seed:    of the digits in placeholder names.
        devices: exports computers at the end of each cycle; None: device sync is off.
        passwords: synchronizes password hashes at the end of each cycle; None: the feature is off.

    `writebacks`: of groups and devices, none unless added; they run at the end of each export.

    What a story breaks: `stopped` (no cycle does anything), `staging` (imports, but exports nothing), `slow_by_s` (lab
    seconds that a cycle takes, which the schedule waits between its parts), `full_next` (the next cycle is a full one),
    `drop_silently` and `refused` (see `Exporter`; of what is refused, deletions are, too), `drop_members` (group and
    member by objectGUID: a membership that is exported without an error and never arrives).
    """

    def __init__(
        self,
        forests: Sequence[Forest],
        tenant: Tenant,
        *,
        scopes: Mapping[str, Scope] | None = None,
        seed: int = 0,
        devices: DeviceSync | None = None,
        passwords: PasswordHashSync | None = None,
    ) -> None:
        self.devices = devices
        self.log = EventLog(tenant.audit.servers[0], clock=tenant.store.clock)
        self.passwords = passwords
        self.writebacks: list[Writeback] = []
        self.stopped = self.staging = self.full_next = False
        self.slow_by_s = 0.0
        self.forests = list(forests)
        self.tenant = tenant
        self.scopes = dict(scopes or {})
        self.cycles = 0
        self.space = ConnectorSpace()
        self._exporter = Exporter(tenant, seed)
        self._retry: dict[str, AdObject] = {}
        self._deletes: set[str] = set()
        self.drop_members: set[tuple[str, str]] = set()

    def cycle(self, *, full: bool = False) -> CycleReport:
        """Run one cycle. `full`: every object is read and compared again; the first cycle always is."""
        return finish(self.parts(1, full=full))

    def parts(self, number: int, *, full: bool = False) -> Parts:
        """One cycle that takes its time: a pause after the import, and between parts of the export, `number` in all."""
        go_on(self.tenant.store)  # Cloud Sync, beside it
        if self.stopped:
            return CycleReport(number=self.cycles, full=False, exported=False)
        self.cycles += 1
        full, self.full_next = full or self.full_next or self.cycles == 1, False
        report = CycleReport(number=self.cycles, full=full, exported=not self.staging)
        rules, forests = self.tenant.rules(), [forest.name for forest in self.forests]
        tenant = self.tenant.store.initial_domain
        pending = self._synchronize(report.full)
        log_import(self.log, report, forests, tenant)
        if self.staging:
            self._retry = pending  # exported once the server is active again
            log_end(self.log, report)
            return report
        if number > 1:
            yield
            self.password_sync(idle=True)  # which goes on by itself, whatever the cycle does
        self._exporter.begin()
        ordered = [each for kind in _ORDER for each in pending.values() if each.kind == kind]
        size = -(-len(ordered) // number) or 1
        for start in range(0, len(ordered), size):
            if start:
                yield
                self.password_sync(idle=True)
            with self.tenant.audit.silence(self.cycles == 1):
                self._export(ordered[start : start + size], rules, report)
        with self.tenant.audit.silence(self.cycles == 1):
            self._export_rest(pending, rules, report)
            log_export(self.log, report, forests, tenant, rules.deletion_threshold)
            log_end(self.log, report)
            self.password_sync(idle=True)
        return report

    @property
    def server(self) -> str:
        """The name of the server this engine runs on."""
        return self.log.server

    @property
    def drop_silently(self) -> set[tuple[str, str]]:
        """(objectGUID, cloud property) pairs that are exported without an error and never arrive."""
        return self._exporter.drop_silently

    @property
    def refused(self) -> set[str]:
        """objectGUIDs that Entra takes nothing of, as if an attribute of theirs were invalid."""
        return self._exporter.refused

    def second_server_active(self, name: str) -> None:
        """Another server, which should be in staging mode, exports too: from now on audit rows take turns."""
        if name not in self.tenant.audit.servers:
            self.tenant.audit.servers.append(name)

    def password_sync(self, *, idle: bool = False) -> int:
        """Synchronize changed passwords, as Connect does every two minutes; return how many arrived.

        `idle`: leave a sign of life where there was nothing to do; due every half hour.
        """
        return self.passwords.run(self.space.cloud_id, self.log, idle=idle) if self.passwords is not None else 0

    def _export(self, found: Sequence[AdObject], rules: TenantRules, report: CycleReport) -> None:
        for each in found:
            link = self.space.link(each.guid, each.kind, each.forest)
            link.members, link.manager = each.members, each.manager
            if link.cloud_id in self.tenant.store.cloud_managed:
                if not report.full:
                    self.log.write(ADSYNC, 6956)
                continue
            if not self._exporter.export(each, link, rules, report):
                self._retry[each.guid] = each

    def _export_rest(self, pending: Mapping[str, AdObject], rules: TenantRules, report: CycleReport) -> None:
        """What comes after every object is there: links, deletions, devices, and what is written into AD."""
        self._export_members(pending, report)
        self._export_managers()
        self._export_deletes(rules, report)
        if self.devices is not None:
            self.devices.cycle()
        for writeback in self.writebacks:
            writeback.cycle()
        self.tenant.store.record_sync()

    def sweep(self) -> list[str]:
        """Run the cloud's hourly job over quarantined values; return the ids of what it restored."""
        return self.tenant.sweep()

    def _synchronize(self, full: bool) -> dict[str, AdObject]:
        """Import; return what is to be exported by objectGUID, and stage deletions."""
        pending, self._retry = self._retry, {}
        for forest in self.forests:
            scope = self.scopes.get(forest.name, Scope())
            whole = full or bool(scope.groups)  # whom a group takes in has not changed itself
            brought = forest.import_all() if whole else forest.import_changes()
            gone = set(brought.gone)
            seen: set[str] = set()
            present = list(brought.present)
            members = scope.members(present)
            for found in present:
                seen.add(found.guid)
                if in_scope(found, scope) and (members is None or found.guid in members):
                    pending[found.guid] = self._anchored(found, forest)
                    self._deletes.discard(found.guid)
                else:
                    gone.add(found.guid)
            if whole:
                gone |= self.space.of_forest(forest.name) - seen
            for guid in gone:
                pending.pop(guid, None)
                if self.space.cloud_id(guid) is not None:
                    self._deletes.add(guid)
        return pending

    @staticmethod
    def _anchored(found: AdObject, forest: Forest) -> AdObject:
        """The object with its anchor; a user's objectGUID is written to mS-DS-ConsistencyGuid before its export."""
        if found.kind != "user" or found.text("mS-DS-ConsistencyGuid"):
            return found
        anchor = immutable_id_of_guid(found.guid)
        forest.write_anchor(found.guid, anchor)
        return replace(found, attributes={**found.attributes, "mS-DS-ConsistencyGuid": anchor})

    def _export_members(self, pending: Mapping[str, AdObject], report: CycleReport) -> None:
        """Export the links of groups that changed, and of those that waited for a member."""
        for guid, link in self.space.groups():
            arrived = any(self.space.cloud_id(member) for member in link.unresolved)
            if link.cloud_id is None or not (guid in pending or arrived):
                continue
            ids = {member: self.space.cloud_id(member) for member in link.members}
            link.unresolved = tuple(member for member, found in ids.items() if found is None)
            report.unresolved += [(guid, member) for member in link.unresolved]
            lost = {member for group, member in self.drop_members if group == guid}
            arriving = [found for member, found in ids.items() if found and member not in lost]
            self.tenant.store.set_members(link.cloud_id, arriving)

    def _export_managers(self) -> None:
        """Export each user's manager once that is there; a reference that cannot be resolved is left out."""
        for guid, link in self.space.users():
            found = self.space.cloud_id(link.manager) if link.manager else None
            store, cloud_id = self.tenant.store, link.cloud_id
            if cloud_id is None or cloud_id in store.cloud_managed or store.managers.of(cloud_id) == found:
                continue
            if (guid, "manager") not in self.drop_silently and guid not in self.refused:
                with contextlib.suppress(KeyError):  # deleted in the cloud: the next export brings it back
                    store.set_manager(cloud_id, found)

    def _export_deletes(self, rules: TenantRules, report: CycleReport) -> None:
        """Delete in the cloud what left AD or the scope, unless there are too many at once."""
        threshold = rules.deletion_threshold
        if threshold is not None and len(self._deletes) > threshold:
            report.pending_deletes = len(self._deletes)
            return
        kept = self._deletes & self._exporter.refused
        report.errors += [ExportError(ErrorCode.DATA_VALIDATION, guid, "") for guid in sorted(kept)]
        for guid in sorted(self._deletes - kept):
            link = self.space.get(guid)
            if link is not None and link.cloud_id is not None:
                report.deleted += self.tenant.delete(link.kind, link.cloud_id)
            self.space.forget(guid)
        self._deletes = kept
