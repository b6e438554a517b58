"""The part of the Active Directory schema (2019, with Exchange and device classes) that the lab knows.

Unlike a plain Samba 4.17 schema it has the Exchange attributes and msDS-KeyCredentialLink.

Source: MS-ADA1 to MS-ADA3, MS-ADSC; the Exchange schema reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache


class Syntax(Enum):
    TEXT = auto()  # compared without regard to case
    EXACT = auto()  # compared octet by octet
    INTEGER = auto()
    BOOLEAN = auto()
    OCTETS = auto()
    TIME = auto()  # generalized time
    DN = auto()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `link`: a forward link, kept per value. `computed`: never stored, derived when read."""

    name: str
    syntax: Syntax = Syntax.TEXT
    single: bool = True
    link: bool = False
    computed: bool = False
    operational: bool = False  # not among the `*` attributes
    secret: bool = False  # never readable
    replicated: bool = True  # seen by DirSync
    kept_by_tombstone: bool = False
    max_length: int | None = None


_TEXT_SINGLE = """
accountNameHistory adminDescription adminDisplayName assistant c cn co comment company countryCode# department dc
displayName displayNamePrintable division employeeID employeeNumber employeeType extensionName* facsimileTelephoneNumber
givenName homeDirectory homeDrive homePhone info initials ipPhone l legacyExchangeDN mail mailNickname
middleName mobile msDS-LastKnownRDN msDS-cloudExtensionAttribute1 msDS-cloudExtensionAttribute2
msDS-cloudExtensionAttribute3 msDS-cloudExtensionAttribute4 msDS-cloudExtensionAttribute5 msDS-cloudExtensionAttribute6
msDS-cloudExtensionAttribute7 msDS-cloudExtensionAttribute8 msDS-cloudExtensionAttribute9
msDS-cloudExtensionAttribute10 msDS-cloudExtensionAttribute11 msDS-cloudExtensionAttribute12
msDS-cloudExtensionAttribute13 msDS-cloudExtensionAttribute14 msDS-cloudExtensionAttribute15
msDS-cloudExtensionAttribute16 msDS-cloudExtensionAttribute17 msDS-cloudExtensionAttribute18
msDS-cloudExtensionAttribute19 msDS-cloudExtensionAttribute20 extensionAttribute1 extensionAttribute2
extensionAttribute3 extensionAttribute4 extensionAttribute5 extensionAttribute6 extensionAttribute7
extensionAttribute8 extensionAttribute9 extensionAttribute10 extensionAttribute11 extensionAttribute12
extensionAttribute13 extensionAttribute14 extensionAttribute15 msDS-ExternalDirectoryObjectId
msExchRecipientDisplayType# msExchRecipientTypeDetails# msExchRemoteRecipientType# networkAddress* notes o*
operatingSystem
operatingSystemHotfix operatingSystemServicePack operatingSystemVersion ou pager personalTitle
physicalDeliveryOfficeName postalAddress* postalCode postOfficeBox* preferredLanguage primaryTelexNumber profilePath
scriptPath serverReferenceBL* sn st street streetAddress targetAddress telephoneAssistant telephoneNumber
textEncodedORAddress
thumbnailLogo title uid* url* userPrincipalName userWorkstations wWWHomePage location dNSHostName dnsRoot* keywords*
serviceClassName serviceBindingInformation* serviceDNSName serviceDNSNameType msDS-OperatingSystem description*
otherTelephone* otherMobile* otherHomePhone* otherPager* otherMailbox* otherIpPhone* otherFacsimileTelephoneNumber*
proxyAddresses* servicePrincipalName* altSecurityIdentities* msDS-AllowedToDelegateTo* showInAddressBook* roomNumber*
uPNSuffixes* msDS-DeviceOSType msDS-DeviceOSVersion msDS-RegisteredOwner# sAMAccountName+ groupAttributes# nETBIOSName
nCName
msExchHideFromAddressLists? msExchExtensionCustomAttribute1* msExchExtensionCustomAttribute2* unixHomeDirectory
loginShell
"""
_MARKS = {"*": "multi", "#": "integer", "?": "boolean", "+": "kept"}
_INTEGERS = """
accountExpires adminCount+ badPwdCount- codePage groupType instanceType lastLogon- lastLogonTimestamp lockoutTime
logonCount- msDS-SupportedEncryptionTypes msDS-User-Account-Control-Computed- primaryGroupID pwdLastSet sAMAccountType
systemFlags userAccountControl tombstoneLifetime msDS-Behavior-Version uidNumber gidNumber options minPwdLength
maxPwdAge minPwdAge pwdHistoryLength lockoutThreshold lockoutDuration pwdProperties msDS-KeyVersionNumber-
msDS-MaximumRegistrationInactivityPeriod ms-DS-MachineAccountQuota msDS-RegistrationQuota
"""
_INTEGERS_KEPT = {"userAccountControl", "groupType", "sAMAccountType", "instanceType"}
_OCTETS = """
mS-DS-ConsistencyGuid msDS-DeviceID thumbnailPhoto jpegPhoto logonHours userSMIMECertificate* userCertificate*
cACertificate* msExchMailboxGuid msExchArchiveGUID msExchSafeSendersHash msExchBlockedSendersHash nTSecurityDescriptor
msDS-DeviceObjectVersion msDS-CloudAnchor invocationId^ audio* photo* msDS-GenerationId msExchMasterAccountSid
sIDHistory*^
"""
_SECRETS = ("unicodePwd", "dBCSPwd", "ntPwdHistory", "lmPwdHistory", "supplementalCredentials", "userPassword")
_BOOLEANS = """
isDeleted^ isRecycled^ showInAdvancedViewOnly isCriticalSystemObject msDS-IsEnabled msDS-IsManaged msDS-IsCompliant
"""
_LENGTHS = {
    "userPrincipalName": 1024, "mail": 256, "sAMAccountName": 256, "displayName": 256, "givenName": 64, "sn": 64,
    "department": 64, "company": 64, "title": 128, "mailNickname": 64, "targetAddress": 1123, "proxyAddresses": 1123,
    "description": 1024, "telephoneNumber": 64, "mobile": 64, "employeeID": 16, "legacyExchangeDN": 512,
    "physicalDeliveryOfficeName": 128, "streetAddress": 1024, "l": 128, "st": 128, "co": 128, "c": 3, "postalCode": 40,
    "mS-DS-ConsistencyGuid": 1024, "extensionAttribute1": 1024, "info": 1024, "operatingSystem": 1024,
}  # fmt: skip

# forward link -> (back link, forward link holds one value)
LINKS: dict[str, tuple[str, bool]] = {
    "member": ("memberOf", False),
    "manager": ("directReports", True),
    "managedBy": ("managedObjects", True),
    "secretary": ("secretaryOf", False),
    "publicDelegates": ("publicDelegatesBL", False),
    "msExchDelegateListLink": ("msExchDelegateListBL", False),
    "authOrig": ("authOrigBL", False),
    "unauthOrig": ("unauthOrigBL", False),
    "dLMemSubmitPerms": ("dLMemSubmitPermsBL", False),
    "altRecipient": ("altRecipientBL", True),
    "msDS-RegisteredUsers": ("msDS-RegisteredUsersBL", False),
}
BACK_LINKS: dict[str, str] = {back: forward for forward, (back, _) in LINKS.items()}


def _attributes() -> dict[str, Attribute]:
    found: list[Attribute] = []
    for word in _TEXT_SINGLE.split():
        name, mark = (word[:-1], _MARKS[word[-1]]) if word[-1] in _MARKS else (word, "")
        syntax = {"integer": Syntax.INTEGER, "boolean": Syntax.BOOLEAN}.get(mark, Syntax.TEXT)
        found.append(
            Attribute(
                name, syntax, single=mark != "multi", kept_by_tombstone=mark == "kept", max_length=_LENGTHS.get(name)
            )
        )
    for word in _INTEGERS.split():
        name = word.rstrip("+-")
        kept = word.endswith("+") or name in _INTEGERS_KEPT
        found.append(Attribute(name, Syntax.INTEGER, replicated=word[-1] != "-", kept_by_tombstone=kept))
    for word in _OCTETS.split():
        name = word.rstrip("*^")
        found.append(
            Attribute(
                name, Syntax.OCTETS, "*" not in word, kept_by_tombstone="^" in word, max_length=_LENGTHS.get(name)
            )
        )
    found += [Attribute(name, Syntax.OCTETS, secret=True, replicated=False) for name in _SECRETS]
    found += [Attribute(word.rstrip("^"), Syntax.BOOLEAN, kept_by_tombstone="^" in word) for word in _BOOLEANS.split()]
    found += [Attribute(name, Syntax.DN, single, link=True) for name, (_, single) in LINKS.items()]
    found += [Attribute(name, Syntax.DN, False, computed=True, replicated=False) for name in BACK_LINKS]
    found += [
        Attribute("objectClass", single=False, kept_by_tombstone=True),
        Attribute("objectCategory", Syntax.DN),
        Attribute("lastKnownParent", Syntax.DN, kept_by_tombstone=True),
        Attribute("msDS-KeyCredentialLink", Syntax.EXACT, False),
        Attribute("serverReference", Syntax.DN),
        Attribute("hasMasterNCs", Syntax.DN, False),
        Attribute("distinguishedName", Syntax.DN, computed=True, replicated=False),
        Attribute("name", computed=True),
        Attribute("objectGUID", Syntax.OCTETS, computed=True),
        Attribute("objectSid", Syntax.OCTETS, computed=True),
        Attribute("parentGUID", Syntax.OCTETS, computed=True, operational=True),
        Attribute("whenCreated", Syntax.TIME, computed=True),
        Attribute("whenChanged", Syntax.TIME, computed=True, replicated=False),
        Attribute("uSNCreated", Syntax.INTEGER, computed=True, replicated=False),
        Attribute("uSNChanged", Syntax.INTEGER, computed=True, replicated=False),
        Attribute("canonicalName", computed=True, operational=True, replicated=False),
    ]
    return {attribute.name.lower(): attribute for attribute in found}


ATTRIBUTES = _attributes()
# The relative name's own attributes mirror the name; they are derived, and DirSync never returns them.
for _rdn in ("cn", "ou", "dc"):
    ATTRIBUTES[_rdn] = Attribute(_rdn, computed=True, replicated=False, max_length=64)


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """One structural class: its whole chain as objectClass shows it, its category, whether it gets a SID."""

    chain: tuple[str, ...]
    category: str
    rdn: str = "CN"
    security_principal: bool = False


_PERSON = ("top", "person", "organizationalPerson")
CLASSES: dict[str, ObjectClass] = {
    "user": ObjectClass((*_PERSON, "user"), "Person", security_principal=True),
    "inetorgperson": ObjectClass((*_PERSON, "user", "inetOrgPerson"), "Person", security_principal=True),
    "computer": ObjectClass((*_PERSON, "user", "computer"), "Computer", security_principal=True),
    "msds-groupmanagedserviceaccount": ObjectClass(
        (*_PERSON, "user", "computer", "msDS-GroupManagedServiceAccount"),
        "ms-DS-Group-Managed-Service-Account",
        security_principal=True,
    ),
    "contact": ObjectClass((*_PERSON, "contact"), "Person"),
    "group": ObjectClass(("top", "group"), "Group", security_principal=True),
    "organizationalunit": ObjectClass(("top", "organizationalUnit"), "Organizational-Unit", rdn="OU"),
    "container": ObjectClass(("top", "container"), "Container"),
    "builtindomain": ObjectClass(("top", "builtinDomain"), "Builtin-Domain"),
    "lostandfound": ObjectClass(("top", "lostAndFound"), "Lost-And-Found"),
    "domaindns": ObjectClass(("top", "domain", "domainDNS"), "Domain-DNS", rdn="DC"),
    "configuration": ObjectClass(("top", "configuration"), "Configuration"),
    "dmd": ObjectClass(("top", "dMD"), "DMD"),
    "sitescontainer": ObjectClass(("top", "sitesContainer"), "Sites-Container"),
    "site": ObjectClass(("top", "site"), "Site"),
    "serverscontainer": ObjectClass(("top", "serversContainer"), "Servers-Container"),
    "server": ObjectClass(("top", "server"), "Server"),
    "ntdsdsa": ObjectClass(("top", "applicationSettings", "nTDSDSA"), "NTDS-DSA"),
    "ntdsservice": ObjectClass(("top", "nTDSService"), "NTDS-Service"),
    "crossrefcontainer": ObjectClass(("top", "crossRefContainer"), "Cross-Ref-Container"),
    "crossref": ObjectClass(("top", "crossRef"), "Cross-Ref"),
    "serviceconnectionpoint": ObjectClass(
        ("top", "leaf", "connectionPoint", "serviceConnectionPoint"), "Service-Connection-Point"
    ),
    "msds-devicecontainer": ObjectClass(("top", "msDS-DeviceContainer"), "ms-DS-Device-Container"),
    "msds-device": ObjectClass(("top", "msDS-Device"), "ms-DS-Device"),
    "foreignsecurityprincipal": ObjectClass(("top", "foreignSecurityPrincipal"), "Foreign-Security-Principal"),
}
# What (objectCategory=x) may be written as: the category's common name or its LDAP display name.
CATEGORY_NAMES: dict[str, str] = {
    **{known.category.lower(): known.category for known in CLASSES.values()},
    **{name: known.category for name, known in CLASSES.items()},
    "person": "Person",
    "user": "Person",
    "contact": "Person",
    "inetorgperson": "Person",
}


def attribute(name: str) -> Attribute | None:
    """Return the attribute called `name` in any case, None when the schema has none."""
    return ATTRIBUTES.get(name.lower())


@cache
def canonical(name: str) -> str:
    """Return the schema's spelling of an attribute name (the name itself when unknown)."""
    known = attribute(name)
    return known.name if known else name
