"""The directory object as the rules see it: a DN, classes, and text values by attribute name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

ATTRIBUTES = (
    "cn",
    "displayName",
    "givenName",
    "sn",
    "mail",
    "mailNickname",
    "proxyAddresses",
    "sAMAccountName",
    "targetAddress",
    "userPrincipalName",
    "adminDescription",
    "groupType",
    "homeMDB",
    "isCriticalSystemObject",
    "msExchHideFromAddressLists",
    "msExchMailboxGuid",
    "msExchRecipientTypeDetails",
    "msExchRemoteRecipientType",
    "userCertificate",
    "userSMIMECertificate",
)
"""Every attribute that some rule reads, in AD's spelling."""

_CANONICAL = {name.lower(): name for name in ATTRIBUTES}
_FIRST_NAME = re.compile(r"CN=((?:[^,\\]|\\.)*)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([0-9a-fA-F]{2}|.)")


def canonical_name(attribute: str) -> str | None:
    """AD's spelling of an attribute that a rule reads (names compare without case); None for any other."""
    return _CANONICAL.get(attribute.lower())


class DirectoryObject(msgspec.Struct, frozen=True):
    """One object as read from AD.

    dn:             distinguished name, as LDAP writes it.
    object_classes: objectClass in the directory's order, the most specific last.
    attributes:     AD's spelling -> values as text, in the directory's order; absent where not set.
                    Booleans are "TRUE" or "FALSE", integers decimal, binary values base64.
    """

    dn: str
    object_classes: Sequence[str]
    attributes: Mapping[str, Sequence[str]]

    @property
    def object_type(self) -> str:
        """The most specific class, in lower case; "" if there is none."""
        return self.object_classes[-1].lower() if self.object_classes else ""

    @property
    def common_name(self) -> str:
        """cn; where it was not read, the first part of the DN if that is a CN; else ""."""
        values = self.attributes.get("cn")
        if values:
            return values[0]
        match = _FIRST_NAME.match(self.dn)
        return _ESCAPED.sub(_unescape, match[1]) if match else ""

    def first(self, attribute: str) -> str | None:
        """The first stored value of an attribute, None if it has none."""
        values = self.attributes.get(attribute)
        return values[0] if values else None


_PEOPLE_AND_GROUPS = frozenset({"user", "inetorgperson", "contact", "person", "group"})
_ACCOUNTS_OF_MACHINES = frozenset(
    {"computer", "msds-managedserviceaccount", "msds-groupmanagedserviceaccount", "msds-delegatedmanagedserviceaccount"}
)


def is_person_or_group(object_classes: Sequence[str]) -> bool:
    """Whether the object is of AD's category Person or Group, as far as its classes tell.

    An object without any class counts as one: better checked than missed.
    """
    if not object_classes or object_classes[-1].lower() in _PEOPLE_AND_GROUPS:
        return True
    classes = {name.lower() for name in object_classes}
    return bool(classes & _PEOPLE_AND_GROUPS) and not classes & _ACCOUNTS_OF_MACHINES


def is_conflict_object(dn: str) -> bool:
    """Whether the DN is that of a replication conflict's victim (`\\0ACNF:` after its name)."""
    if "\\" not in dn and "\n" not in dn:
        return False
    folded = dn.upper()
    return "\\0ACNF:" in folded or "\nCNF:" in folded


def _unescape(match: re.Match[str]) -> str:
    text = match[1]
    return chr(int(text, 16)) if len(text) == 2 else text

