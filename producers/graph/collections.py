"""What we read of each kind of object, and why: the only list of selected properties.

Graph tells a change only where it touches a selected property, so each is here for a reason; users return
next to nothing unless asked (microsoft-graph v1.0 metadata and delta documentation).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from streams.contracts.facts import ObjectKind
from streams.contracts.flows import EXTENSIONS, FLOWS, added_properties

# Why this object is, or is not, the partner of an AD object; and whether the engine wrote it lately.
_SYNC = ("onPremisesSyncEnabled", "onPremisesLastSyncDateTime")
# What Entra itself says is wrong. Not sure to surface in delta alone: the sweep reads them too.
ERRORS = ("onPremisesProvisioningErrors", "serviceProvisioningErrors")
# The addresses an object owns, which must be unique across all kinds.
_ADDRESSES = ("mail", "mailNickname", "proxyAddresses")
# Names people know it by; and `deletedDateTime`, without which some tenants do not report a restore.
_FACE = ("displayName", "deletedDateTime")

ADDRESS_PARTS = {
    "city": "city",
    "state": "state",
    "countryOrRegion": "country",
    "postalCode": "postalCode",
    "street": "streetAddress",
    "officeLocation": "officeLocation",
}
"""Part of a contact's address (physicalOfficeAddress) -> the name that a user has for it."""
PHONES = {"business": "businessPhones", "mobile": "mobilePhone", "businessFax": "faxNumber"}
"""Type of a contact's phone -> the name that a user has for it."""
_OF_CONTACTS = (*ADDRESS_PARTS.values(), *PHONES.values())

BOOLEANS = frozenset(
    {
        "accountEnabled",
        "isCompliant",
        "isManaged",
        "onPremisesSyncEnabled",
        "securityEnabled",
    }
)
TEXT_LISTS = frozenset({"businessPhones", "groupTypes", "physicalIds", "proxyAddresses"})
EXTENSIONS_IN = "onPremisesExtensionAttributes"
OBJECTS = frozenset({EXTENSIONS_IN})
KEPT_ENTRIES = {"physicalIds": "[ZTDID]"}
"""List -> how the entries begin that somebody reads; the others are not collected."""
OBJECT_LISTS = frozenset({*ERRORS, "addresses", "alternativeSecurityIds", "phones"})


@dataclass(frozen=True, slots=True)
class Collection:
    """One entity set of Graph.

    name:       the path segment, e.g. "users".
    links:      properties that come as "<name>@delta": they are selected with the others.
    single:     those of them that have one far end: who tells another one replaces it.
    permission: the least application permission, for messages.
    added:      properties that are selected because the settings name them.
    joined_by:  by what its objects are joined with people of AD (users_joined_by), as they are told.
    essential:  whether "collected" waits for it; without the others a tenant is judged in part.
    """

    name: str
    kind: ObjectKind
    odata_type: str
    properties: tuple[str, ...]
    permission: str
    links: tuple[str, ...] = ()
    single: frozenset[str] = frozenset()
    essential: bool = True
    added: tuple[str, ...] = ()
    joined_by: str = ""

    @property
    def selection(self) -> str:
        """Names the properties: a delta link that was reached with others tells nothing of those that are new. And by
        what people are joined: what was told before is judged by another one.
        """
        names = (*self.properties, *self.single, *filter(None, [self.joined_by]))
        return hashlib.blake2b(",".join(names).encode(), digest_size=6).hexdigest()

    def set_up(self, flows: Mapping[str, str], joined_by: str = "") -> Collection:
        """The collection with what the settings of its tenant say of flows and of who is joined: of users alone."""
        if self.kind is not ObjectKind.USER:
            return self
        added = added_properties(flows)
        return replace(self, properties=(*self.properties, *added), added=added, joined_by=joined_by)


def _compared(kind: ObjectKind) -> tuple[str, ...]:
    """The properties that flow from AD unchanged and are compared with it."""
    return tuple(
        flow.property for flow in FLOWS if kind in flow.kinds and flow.property not in (*EXTENSIONS, *_OF_CONTACTS)
    )


USERS = Collection(
    "users",
    ObjectKind.USER,
    "#microsoft.graph.user",
    (
        "userPrincipalName",  # an address; a placeholder here is a quarantined UPN
        *_ADDRESSES,
        *_FACE,
        *_compared(ObjectKind.USER),
        *_OF_CONTACTS,
        EXTENSIONS_IN,
        *_SYNC,
        "onPremisesImmutableId",  # the source anchor: the partner in AD
        "onPremisesUserPrincipalName",  # what AD wanted, where userPrincipalName is a placeholder
        "onPremisesDistinguishedName",  # where to look in AD, and in which forest
        "onPremisesDomainName",
        "onPremisesSamAccountName",
        "onPremisesSecurityIdentifier",
        "accountEnabled",  # disabled on one side only
        "userType",  # guests are never synced
        "createdDateTime",
        "lastPasswordChangeDateTime",  # password writeback and hash sync
        *ERRORS,
    ),
    "User.Read.All",
    # "$select also supports manager and members navigation properties for users and groups respectively" (Microsoft
    # Graph, "Use delta query to track changes"). It is told with a user's first item, and when it changes.
    links=("manager",),
    single=frozenset({"manager"}),
)

GROUPS = Collection(
    "groups",
    ObjectKind.GROUP,
    "#microsoft.graph.group",
    (
        *_ADDRESSES,
        *_FACE,
        *_SYNC,
        "onPremisesSecurityIdentifier",  # the partner in AD: groups show no anchor
        "onPremisesDomainName",
        "onPremisesSamAccountName",
        "groupTypes",  # Unified, DynamicMembership
        "securityEnabled",
        "createdDateTime",
        *ERRORS,
    ),
    "GroupMember.Read.All",
    links=("members",),
)

CONTACTS = Collection(
    "contacts",
    ObjectKind.CONTACT,
    "#microsoft.graph.orgContact",
    (*_ADDRESSES, *_FACE, *_SYNC, *_compared(ObjectKind.CONTACT), "addresses", "phones", *ERRORS),
    "OrgContact.Read.All",
)

# Read where we may: hybrid join is judged in tenants that grant the permission.
DEVICES = Collection(
    "devices",
    ObjectKind.DEVICE,
    "#microsoft.graph.device",
    (
        *_FACE,
        *_SYNC,
        "deviceId",  # the partner's objectGUID
        "onPremisesSecurityIdentifier",
        "accountEnabled",
        "trustType",
        "registrationDateTime",  # null: pending
        "approximateLastSignInDateTime",
        "operatingSystem",
        "isCompliant",
        "isManaged",
        "physicalIds",  # [ZTDID]: its Windows Autopilot registration
    ),
    "Device.Read.All",
    essential=False,
)

COLLECTIONS = (USERS, GROUPS, CONTACTS, DEVICES)
