"""The AD connector over a lab directory."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

from deploy.lab.directory.object import DirectoryObject
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.sync.forest import Import
from deploy.lab.sync.mapping import FLOWED
from deploy.lab.sync.objects import AdObject, Kind
from streams.contracts.identity import immutable_id_of_guid

_KINDS: dict[str, Kind] = {"user": "user", "inetOrgPerson": "user", "group": "group", "contact": "contact"}
_TEXT = (
    "userPrincipalName", "mail", "mailNickname", "sAMAccountName", "displayName", "name", "description",
    "adminDescription", *FLOWED,
)  # fmt: skip
_LISTS = ("proxyAddresses",)
_NUMBERS = ("userAccountControl", "groupType", "msExchRecipientTypeDetails")


class DirectoryForest:
    """One forest that lives in the lab.

    `name` is what scopes and settings call it; the store is read in process, as the connector account would over LDAP.
    """

    def __init__(self, store: DirectoryStore, name: str | None = None) -> None:
        self.store = store
        self.name = name or store.domain
        self._usn = 0

    def import_all(self) -> Import:
        self._usn = self.store.highest_committed_usn
        return Import(present=self._all())

    def import_changes(self) -> Import:
        position, present, gone = self.store.highest_committed_usn, [], []
        renamed_units = []
        for change in self.store.changes_since(self._usn):
            found = self.store.get(change.guid)
            if found.object_class in _KINDS:
                if change.deleted:
                    gone.append(str(change.guid))
                else:
                    present.append(ad_object(found, self.name))
            elif change.renamed and not change.deleted:
                renamed_units.append(change.guid)
        for unit in renamed_units:  # what stands below has a new name without having changed itself
            present += [
                ad_object(found, self.name) for found in self.store.objects(below=unit) if found.object_class in _KINDS
            ]
        self._usn = position
        return Import(present=present, gone=gone)

    def write_anchor(self, guid: str, anchor: str) -> None:
        self.store.modify(uuid.UUID(guid), {"mS-DS-ConsistencyGuid": base64.b64decode(anchor)})

    def _all(self) -> Iterator[AdObject]:
        return (ad_object(found, self.name) for found in list(self.store.objects()) if found.object_class in _KINDS)


def ad_object(found: DirectoryObject, forest: str) -> AdObject:
    """The engine's copy of one user, group or contact."""
    attributes: dict[str, Any] = {name: value for name in _TEXT if (value := found.first(name))}
    attributes |= {name: values for name in _LISTS if (values := found.all(name))}
    attributes |= {name: int(value) for name in _NUMBERS if (value := found.first(name))}
    attributes["isCriticalSystemObject"] = found.first("isCriticalSystemObject") == "TRUE"
    anchor = found.raw("mS-DS-ConsistencyGuid")
    if anchor and anchor[0]:
        attributes["mS-DS-ConsistencyGuid"] = base64.b64encode(anchor[0]).decode()
    if found.sid:
        attributes["objectSid"] = found.sid
    return AdObject(
        guid=str(found.guid),
        kind=_KINDS[found.object_class],
        forest=forest,
        distinguished_name=found.dn,
        attributes=attributes,
        members=tuple(str(member) for member in found.targets("member")),
        manager=next((str(guid) for guid in found.targets("manager")), None),
    )


def anchor_of(found: DirectoryObject) -> str:
    """The source anchor of a user: mS-DS-ConsistencyGuid where it has one, else objectGUID, as base64."""
    anchor = found.raw("mS-DS-ConsistencyGuid")
    return base64.b64encode(anchor[0]).decode() if anchor and anchor[0] else immutable_id_of_guid(str(found.guid))
