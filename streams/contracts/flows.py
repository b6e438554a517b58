"""Which attribute of Active Directory becomes which property in Entra ID, where nothing but blanks changes on the way.

The attributes whose flow has rules of its own (displayName, userPrincipalName, mail, proxyAddresses, accountEnabled,
names of accounts) are compared in `streams.views.drift`; all others stand here, one row each, and are read, carried
and compared by this table alone. `description` of groups flows as well and is not collected: people write passwords
into it.

Source: the default synchronisation rules of Entra Connect as microsoft/AADConnectConfigDocumenter exports them (Trim()
of one value each); Microsoft, "Microsoft Entra Connect Sync: Attributes synchronized to Microsoft Entra ID";
Microsoft Graph, user and orgContact resource types.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

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
BY_PROPERTY = {flow.property: flow for flow in FLOWS}

SOURCES_OF_FLOWS = (
    *(flow.attribute for flow in FLOWS),
    *("displayName", "mail", "mailNickname", "name", "sAMAccountName", "userPrincipalName"),
)
"""Attributes of AD from which a tenant may fill a property by a rule of its own, as far as they are read."""
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
