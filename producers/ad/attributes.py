"""The watched attributes: what is asked of Active Directory, how it is read, and why.

DirSync narrows by this list on the server: a change of anything else is not even sent. Nothing that
replicates often without meaning (lastLogonTimestamp) and nothing secret may ever stand here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from streams.contracts.flows import CARRIED_SHORT, FLOWS, read_by


class Syntax(Enum):
    """How raw values become JSON: one str, a list, an int, a bool …"""

    TEXT = "text"
    TEXTS = "texts"
    COMPARED = "compared"  # text of which only the comparison matters (streams.contracts.flows)
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TIME = "time"  # generalizedTime -> RFC 3339
    SID = "sid"
    GUID = "guid"
    BINARY = "binary"  # base64
    CERTIFICATES = "certificates"  # a line each, see streams.contracts.certificate; never the blobs
    NAME = "name"  # a distinguished name
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One watched attribute."""

    name: str
    syntax: Syntax
    why: str


_OWN: tuple[Attribute, ...] = (
    Attribute("objectGUID", Syntax.GUID, "the key; the source anchor unless mS-DS-ConsistencyGuid is set"),
    Attribute("objectClass", Syntax.TEXTS, "which kind of object this is; comes only with a whole object"),
    Attribute("objectSid", Syntax.SID, "onPremisesSecurityIdentifier: joins groups with their Entra side"),
    Attribute("parentGUID", Syntax.GUID, "comes with every move: tells a renamed container from a changed one"),
    Attribute("name", Syntax.TEXT, "the relative name; comes with every rename (cn is never sent by DirSync)"),
    Attribute("whenCreated", Syntax.TIME, "comes only with a whole object; the time of a creation"),
    Attribute("isDeleted", Syntax.BOOLEAN, "a tombstone"),
    Attribute("isRecycled", Syntax.BOOLEAN, "a tombstone that can no longer be restored"),
    Attribute("lastKnownParent", Syntax.NAME, "the unit of a deleted object: which engine deletes it in the cloud"),
    Attribute("sAMAccountName", Syntax.TEXT, "names the object for people; checked by Entra where there is no UPN"),
    Attribute("userPrincipalName", Syntax.TEXT, "an address of the user in Entra"),
    Attribute("mail", Syntax.TEXT, "an address"),
    Attribute("proxyAddresses", Syntax.TEXTS, "the addresses that must be unique in the tenant"),
    Attribute("mailNickname", Syntax.TEXT, "first source of the cloud's mailNickname and of the fallback UPN"),
    Attribute("targetAddress", Syntax.TEXT, "where mail of a mail user goes; checked by Entra"),
    Attribute("mS-DS-ConsistencyGuid", Syntax.BINARY, "the source anchor"),
    Attribute("displayName", Syntax.TEXT, "names the object for people"),
    Attribute("givenName", Syntax.TEXT, "compared with the cloud"),
    Attribute("sn", Syntax.TEXT, "compared with the cloud"),
    Attribute("userAccountControl", Syntax.INTEGER, "disabled accounts"),
    Attribute("accountExpires", Syntax.INTEGER, "expires in AD alone: Entra does not know it"),
    Attribute("pwdLastSet", Syntax.INTEGER, "did a password writeback land"),
    Attribute("groupType", Syntax.INTEGER, "security or distribution group, and its scope"),
    Attribute("isCriticalSystemObject", Syntax.BOOLEAN, "never synchronised"),
    Attribute("adminDescription", Syntax.TEXT, "User_ and Group_ prefixes keep an object out of sync"),
    Attribute("msDS-ExternalDirectoryObjectId", Syntax.TEXT, "Group_<id>: which cloud group this one is a copy of"),
    Attribute("msExchRecipientTypeDetails", Syntax.INTEGER, "system mailboxes are out of sync"),
    Attribute("msExchMasterAccountSid", Syntax.SID, "the account, in another forest, of a linked mailbox: one person"),
    Attribute("operatingSystem", Syntax.TEXT, "whether a computer can join at all"),
    Attribute("operatingSystemVersion", Syntax.TEXT, "whether a computer can join at all"),
    Attribute("userCertificate", Syntax.CERTIFICATES, "a computer is in sync scope once it has one; 15 are the most"),
    Attribute("dNSHostName", Syntax.TEXT, "names the computer for people and joins it with its client log"),
    Attribute("msDS-DeviceID", Syntax.GUID, "deviceId: which cloud device a registered device is a copy of"),
    Attribute("msDS-IsEnabled", Syntax.BOOLEAN, "a registered device: compared with the cloud"),
    Attribute("msDS-IsCompliant", Syntax.BOOLEAN, "a registered device: compared with the cloud"),
    Attribute("manager", Syntax.LINK, "a reference that breaks when its target is not synchronised"),
    Attribute("member", Syntax.LINK, "references that break when their targets are not synchronised"),
)  # fmt: skip

WATCHED: tuple[Attribute, ...] = (
    *_OWN,
    *(
        Attribute(flow.attribute, Syntax.COMPARED, "compared with the cloud")
        for flow in FLOWS
        if flow.attribute in CARRIED_SHORT
    ),
)

NAMES: tuple[str, ...] = tuple(attribute.name for attribute in WATCHED)
SYNTAX: dict[str, Syntax] = {attribute.name.lower(): attribute.syntax for attribute in WATCHED}
SPELLING: dict[str, str] = {attribute.name.lower(): attribute.name for attribute in WATCHED}


class Watched:
    """What is asked of one forest: the list above, and what the settings of its tenants add (streams.contracts.flows).

    names:     the attributes. added: lower case -> the attribute, of those that the settings add.
    selection: names the list: a position that was reached with another one says nothing of what this one adds.
    read_by:   what stands under READ_BY in what is read whole.
    """

    def __init__(self, added: Iterable[str] = ()) -> None:
        added = sorted(set(added))
        self.names = (*NAMES, *added)
        self.added = {name.lower(): name for name in added}
        self.selection = hashlib.blake2b(",".join(sorted(self.names)).encode(), digest_size=6).hexdigest()
        self.read_by = read_by(added)


DEFAULT = Watched()
LINKS: tuple[str, ...] = tuple(attribute.name for attribute in WATCHED if attribute.syntax is Syntax.LINK)
# A restored object may have links to it again (recycle bin, or made since): its back-links tell.
FORWARD_OF_BACK: dict[str, str] = {"memberOf": "member", "directReports": "manager"}

# objectClass survives a deletion, objectCategory does not: a filter on that one would lose every deletion.
# A class that a directory's schema lacks (msDS-Device in older ones) matches nothing and harms nothing.
OBJECT_FILTER = "(|{objects}(objectClass=msDS-Device){containers})".format(
    objects="(objectClass=user)(objectClass=group)(objectClass=contact)",
    containers="".join(
        f"(objectClass={name})" for name in ("organizationalUnit", "container", "builtinDomain", "domainDNS")
    ),
)
