"""Which attribute of Active Directory becomes which property in Entra ID, where nothing but blanks changes on the way.

The attributes whose flow has rules of its own (displayName, userPrincipalName, mail, proxyAddresses, accountEnabled,
names of accounts) are compared in `streams.views.identity.expected_export`; all others stand here, one row each, and
are read, carried and compared by this table alone. `description` of groups flows as well and is not collected: people
write passwords into it.

Source: the default synchronisation rules of Entra Connect as microsoft/AADConnectConfigDocumenter exports them (Trim()
of one value each); Microsoft, "Microsoft Entra Connect Sync: Attributes synchronized to Microsoft Entra ID";
Microsoft Graph, user and orgContact resource types.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.contracts.facts import ObjectKind

_PERSON = frozenset({ObjectKind.USER, ObjectKind.CONTACT})
_USER = frozenset({ObjectKind.USER})
EXTENSIONS = tuple(f"extensionAttribute{number}" for number in range(1, 16))
NOT_SELECTED = "@notSelected"
"""Attribute of an Entra object: the properties of which its source may not tell."""
READ_BY = "@flows"
VERSION = 1
"""Stands under READ_BY in what was read whole: the table by which it was. What lacks there is not set. Raise it with
each new row: until an object was read by the new table, nobody may take for empty what was not asked for.
"""
CARRIED_WHOLE = 40
_BEGINNING, _DIGEST_BYTES = 16, 6


@dataclass(frozen=True, slots=True)
class Flow:
    """One row.

    attribute: in Active Directory.
    property:  in Graph; of the fifteen in onPremisesExtensionAttributes, and of a contact's phones and addresses, the
               name that a user has for it.
    kinds:     whose.
    certain:   part of the default rules: what AD has and the cloud lacks altogether is a difference. False: many map it
               this way, and only two different values are one.
    """

    attribute: str
    property: str
    kinds: frozenset[ObjectKind] = _PERSON
    certain: bool = True


FLOWS: tuple[Flow, ...] = (
    Flow("givenName", "givenName"),
    Flow("sn", "surname"),
    Flow("department", "department"),
    Flow("title", "jobTitle"),
    Flow("company", "companyName"),
    Flow("l", "city"),
    Flow("st", "state"),
    Flow("co", "country"),
    Flow("postalCode", "postalCode"),
    Flow("streetAddress", "streetAddress"),
    Flow("physicalDeliveryOfficeName", "officeLocation"),
    Flow("telephoneNumber", "businessPhones"),
    Flow("mobile", "mobilePhone"),
    Flow("facsimileTelephoneNumber", "faxNumber"),
    Flow("preferredLanguage", "preferredLanguage", _USER),
    *(Flow(name, name, _USER) for name in EXTENSIONS),
    Flow("employeeID", "employeeId", _USER, certain=False),
    Flow("msExchUsageLocation", "usageLocation", _USER, certain=False),
)
COMPARED_KINDS = frozenset().union(*(flow.kinds for flow in FLOWS))
FLOW_ATTRIBUTES = frozenset(flow.attribute for flow in FLOWS)
BY_PROPERTY = {flow.property: flow for flow in FLOWS}

JOIN_ATTRIBUTES = (
    *("mail", "objectSid", "sAMAccountName"),
    *(flow.attribute for flow in FLOWS if ObjectKind.USER in flow.kinds),
)
"""By what setup of Entra Connect may join the users of several forests, as far as it is read: three choices by name
(objectSid with msExchMasterAccountSid, sAMAccountName with mailNickname), and "a specific attribute".
"""
MANAGER = "manager"
"""The linked attribute, called the same in both directories."""

FILLED_BY_RULES = frozenset({*BY_PROPERTY, "displayName", "mailNickname", MANAGER})
"""Properties that an organisation may fill by a rule of its own and be none the worse for it."""

_TEXTS = ("displayName", "mail", "mailNickname", "name", "sAMAccountName", "userPrincipalName")
READ_AS_TEXT = frozenset({*FLOW_ATTRIBUTES, *_TEXTS})
"""Attributes of AD that are read anyway, and as one text."""
_BY_OTHER_RULES = frozenset({
    "accountEnabled", "createdDateTime", "deletedDateTime", "id", "lastPasswordChangeDateTime", "mail",
    "onPremisesDistinguishedName", "onPremisesDomainName", "onPremisesImmutableId", "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "onPremisesUserPrincipalName",
    "proxyAddresses", "userPrincipalName", "userType",
})  # fmt: skip
_NO_TEXT = frozenset({
    "assignedLicenses", "assignedPlans", "authorizationInfo", "customSecurityAttributes", "employeeOrgData",
    "identities", "imAddresses", "isManagementRestricted", "isResourceAccount", "licenseAssignmentStates",
    "onPremisesExtensionAttributes", "onPremisesProvisioningErrors", "otherMails", "passwordProfile",
    "provisionedPlans", "serviceProvisioningErrors", "showInAddressList", "signInActivity",
})  # fmt: skip
"""Of the user resource (Microsoft Graph v1.0), what is a flag, a list or an object."""
_READ_OTHERWISE = frozenset({
    "accountExpires", "adminDescription", "dNSHostName", "groupType", "isCriticalSystemObject", "isDeleted",
    "isRecycled", "lastKnownParent", "manager", "member", "mS-DS-ConsistencyGuid", "msDS-DeviceID",
    "msDS-ExternalDirectoryObjectId",
    "msDS-IsCompliant", "msDS-IsEnabled", "msExchMasterAccountSid", "msExchRecipientTypeDetails", "objectClass",
    "objectGUID", "objectSid",
    "operatingSystem", "operatingSystemVersion", "parentGUID", "proxyAddresses", "pwdLastSet", "targetAddress",
    "userAccountControl", "userCertificate", "whenCreated",
})  # fmt: skip
_SECRET = frozenset(name.lower() for name in (
    "currentValue", "dBCSPwd", "initialAuthIncoming", "initialAuthOutgoing", "lmPwdHistory", "ntPwdHistory",
    "priorValue", "supplementalCredentials", "trustAuthIncoming", "trustAuthOutgoing", "unicodePwd",
    "userPassword", "unixUserPassword", "msSFU30Password", "ms-Mcs-AdmPwd", "msDS-ManagedPassword",
    "msPKIAccountCredentials", "msPKIDPAPIMasterKeys", "msFVE-RecoveryPassword", "msFVE-KeyPackage",
    "description", "info", "comment", "userParameters",
))  # fmt: skip
"""Secret attributes ([MS-ADTS] 3.1.1.4.4), others that hold a password or a key, and those that people write one into.
"""
_RESTLESS = frozenset({"badpasswordtime", "badpwdcount", "lastlogon", "lastlogontimestamp", "logoncount", "usnchanged",
                       "whenchanged"})  # fmt: skip
_SECRET_FAMILIES = ("mslaps-", "msds-managedpassword", "msfve-", "mspki")
_SECRET_WORDS = ("password", "pwd", "secret", "credential", "pkcs12", "peklist")  # of extensions of the schema, too
_PROPERTY = re.compile(r"[a-z][A-Za-z0-9]{1,63}|extension_[0-9a-f]{32}_\w{1,100}")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


def property_fault(name: str) -> str | None:
    """Why the settings may not name this property as one that flows from somewhere else; None if they may.

    Beside those of the table any text property of the user resource may stand there, and a directory extension:
    extension_<application id without dashes>_<attribute> (Microsoft, "Microsoft Entra Connect Sync: Directory
    extensions").
    """
    if name in FILLED_BY_RULES:
        return None
    if name in _BY_OTHER_RULES:
        return "is read anyway, for rules of its own"
    if name in _NO_TEXT:
        return "is no text"
    return None if _PROPERTY.fullmatch(name) else "is no name of a property in Microsoft Graph"


def attribute_fault(name: str) -> str | None:
    """Why the settings may not name this attribute of AD as one that flows; None if they may."""
    if not _ATTRIBUTE.fullmatch(name):
        return "is no name of an attribute in Active Directory"
    lowered = name.lower()
    if lowered in _SECRET or lowered.startswith(_SECRET_FAMILIES):
        return "may hold a secret and is never read"
    if lowered in _RESTLESS:
        return "changes all the time"
    if lowered in _OTHERWISE:
        return "is no text, or read for another purpose"
    if any(word in lowered for word in _SECRET_WORDS):
        return "may hold a secret and is never read"
    return None


_OTHERWISE = {name.lower() for name in _READ_OTHERWISE}
_SPELLING = {name.lower(): name for name in READ_AS_TEXT}


def spelled(attribute: str) -> str:
    """An attribute's name as it is spelled here, where it is known."""
    return _SPELLING.get(attribute.lower(), attribute)


def added_properties(flows: Mapping[str, str]) -> tuple[str, ...]:
    """The properties that are read only because the settings name them; `flows`: property -> attribute."""
    return tuple(sorted(name for name, attribute in flows.items() if attribute and name not in FILLED_BY_RULES))


def added_attributes(flows: Mapping[str, str]) -> tuple[str, ...]:
    """The attributes of AD that are read only because the settings name them."""
    return tuple(sorted({name for name in flows.values() if name and name not in READ_AS_TEXT}))


def added_flows(flows: Mapping[str, str]) -> tuple[Flow, ...]:
    """The rows that the settings add to the table: of users."""
    return tuple(Flow(flows[name], name, _USER) for name in added_properties(flows))


def read_by(added: Iterable[str]) -> int | str:
    """What stands under READ_BY in an object that was read by the table and what the settings `added`."""
    names = sorted(added)
    return f"{VERSION} {' '.join(names)}" if names else VERSION


def names_read(told: Any) -> frozenset[str] | None:
    """What of the settings an object was read by, beside the present table; None: by an older table, or by none."""
    if told == VERSION:
        return frozenset()
    version, *names = told.split(" ") if isinstance(told, str) else [""]
    return frozenset(names) if version == str(VERSION) else None


_READ_BY_OTHERS = frozenset({"givenName", "sn", "surname"})
CARRIED_SHORT = frozenset({name for flow in FLOWS for name in (flow.attribute, flow.property)}) - _READ_BY_OTHERS
"""Attributes and properties that nobody reads but to compare them: they travel as `carried`."""


def carried(value: str) -> str:
    """A value as it travels: one blank for several, none around it; a long one as its beginning and a digest.

    >>> carried("  Research  and Development ")
    'Research and Development'
    >>> carried("Obere Augartenstrasse 123, Hof 4, Stiege 5, Tuer 6")
    'Obere Augartenst… #8c0ec4a8c4f6'
    """
    folded = " ".join(value.split())
    if len(folded) <= CARRIED_WHOLE:
        return folded
    digest = hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{folded[:_BEGINNING]}… #{digest}"
