"""Group and device writeback: what the cloud masters is copied into Active Directory.

Sources: Microsoft, "Plan for Microsoft Entra Connect group writeback" (a group that is switched off or soft-deleted
stays as it is, a group deleted for good goes), "Enable device writeback in Microsoft Entra Connect" (container and
attributes).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from deploy.lab.directory.object import DirectoryObject
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra.tenant import TenantStore

_UNIVERSAL_DISTRIBUTION = "8"
_DEVICE_PREFIX = "Device_"


class GroupWriteback:
    """Copies Microsoft 365 groups that are marked for it into one organizational unit.

    guid_of: objectGUID of the AD object behind a cloud object, None where it has none: such a member is left out.
    stalled: ids of groups that are not written, deletions included; `stopped`: none is.
    skipped: ids of members that are left out although they have an object in AD.
    """

    def __init__(
        self, store: DirectoryStore, unit: str, tenant: TenantStore, guid_of: Callable[[str], str | None]
    ) -> None:
        self.stopped = False
        self.stalled: set[str] = set()
        self.skipped: set[str] = set()
        self._store, self._unit, self._tenant, self._guid_of = store, unit, tenant, guid_of

    def cycle(self) -> None:
        """Bring the copies up to date."""
        if self.stopped:
            return
        copies = {self._original(found): found for found in list(self._store.objects(below=self._unit))}
        for group_id in self._tenant.ids("group"):
            group = self._tenant.get("group", group_id) or {}
            if _is_written_back(group) and group_id not in self.stalled:
                self._write(group, copies.get(group_id))
        for original, copy in copies.items():
            if original is not None and original not in self.stalled and self._is_gone(original):
                self._store.delete(copy.guid)

    def write(self, group_id: str) -> None:
        """Copy one group now, marked or not, as Cloud Sync does on demand."""
        self._write(self._tenant.get("group", group_id) or {}, self.copy_of(group_id))

    def copy_of(self, group_id: str) -> DirectoryObject | None:
        """The copy of a group in AD."""
        found = list(self._store.objects(below=self._unit))
        return next((each for each in found if self._original(each) == group_id), None)

    def _write(self, group: dict[str, Any], copy: DirectoryObject | None) -> None:
        name, marked = group.get("displayName") or group["id"], f"Group_{group['id']}"
        members = (member for member in self._tenant.members.of(group["id"]) if member not in self.skipped)
        guids = map(self._guid_of, members)
        attributes: dict[str, Any] = {
            "displayName": name,
            "groupType": _UNIVERSAL_DISTRIBUTION,
            "mail": group.get("mail"),
            "adminDescription": marked,
            "msDS-ExternalDirectoryObjectId": marked,
            "member": [uuid.UUID(guid) for guid in guids if guid is not None],
        }
        if copy is not None:
            self._store.modify(copy.guid, attributes)
            return
        account = f"Group_{group['id'].replace('-', '')[:13]}"
        given = {key: value for key, value in attributes.items() if value}
        self._store.add(f"CN={marked},{self._unit}", {"objectClass": "group", "sAMAccountName": account, **given})

    def _is_gone(self, group_id: str) -> bool:
        return self._tenant.get("group", group_id) is None and self._tenant.get("group", group_id, deleted=True) is None

    @staticmethod
    def _original(found: DirectoryObject) -> str | None:
        marked = found.first("adminDescription") or ""
        return marked.removeprefix("Group_") if marked.startswith("Group_") else None


class DeviceWriteback:
    """Copies the tenant's devices into CN=RegisteredDevices of one domain, which is made if it is absent.

    stalled: ids (not deviceIds) of devices that are not written, deletions included; `stopped`: none is.
    """

    def __init__(self, store: DirectoryStore, tenant: TenantStore) -> None:
        self.stopped = False
        self.stalled: set[str] = set()
        self._store, self._tenant = store, tenant
        self.container = f"CN=RegisteredDevices,{store.base_dn}"
        if not any(found.dn.lower() == self.container.lower() for found in store.objects()):
            store.add(self.container, {"objectClass": "msDS-DeviceContainer"})

    def cycle(self) -> None:
        """Bring the copies up to date."""
        if self.stopped:
            return
        copies = self._copies()
        for object_id in self._tenant.ids("device"):
            if object_id not in self.stalled:
                self._write(self._tenant.get("device", object_id) or {}, copies.get(object_id))
        for object_id, copy in copies.items():
            if object_id not in self.stalled and self._tenant.get("device", object_id) is None:
                self._store.delete(copy.guid)

    def copy_of(self, object_id: str) -> DirectoryObject | None:
        """The copy of a device in AD, by the id of the cloud object."""
        return self._copies().get(object_id)

    def _write(self, device: dict[str, Any], copy: DirectoryObject | None) -> None:
        device_id = device.get("deviceId")
        if not device_id:
            return
        attributes: dict[str, Any] = {
            "displayName": device.get("displayName") or device_id,
            "msDS-DeviceID": uuid.UUID(device_id).bytes_le,
            "msDS-CloudAnchor": f"{_DEVICE_PREFIX}{device['id']}".encode(),
            "msDS-IsEnabled": _flag(device.get("accountEnabled")),
            "msDS-IsCompliant": _flag(device.get("isCompliant")),
        }
        if copy is not None:
            self._store.modify(copy.guid, attributes)
        else:
            self._store.add(f"CN={device_id},{self.container}", {"objectClass": "msDS-Device", **attributes})

    def _copies(self) -> dict[str, DirectoryObject]:
        found = (each for each in list(self._store.objects(below=self.container)) if each.object_class == "msDS-Device")
        anchored = ((each.raw("msDS-CloudAnchor"), each) for each in found)
        return {values[0].decode().removeprefix(_DEVICE_PREFIX): each for values, each in anchored if values}


def _is_written_back(group: dict[str, Any]) -> bool:
    """A Microsoft 365 group that somebody has marked."""
    marked = (group.get("writebackConfiguration") or {}).get("isEnabled") is True
    return marked and "Unified" in (group.get("groupTypes") or ())


def _flag(value: Any) -> str:
    return "TRUE" if value is True else "FALSE"
