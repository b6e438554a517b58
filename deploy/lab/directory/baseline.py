"""What every domain has from its first day: partitions, well-known containers, accounts, the domain controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deploy.lab.directory import names, schema, values
from deploy.lab.directory.entry import Entry, Stored, shape
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.schema import ObjectClass
from deploy.lab.directory.values import Values

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

HOST = "DC1"
_SITE = "CN=Default-First-Site-Name,CN=Sites"
FUNCTIONAL_LEVEL = 7  # Windows Server 2016

_DEFAULTS: dict[str, dict[str, bytes]] = {
    "user": {
        "userAccountControl": b"546",
        "pwdLastSet": b"0",
        "accountExpires": values.NEVER,
        "primaryGroupID": b"513",
        "sAMAccountType": b"805306368",
        "codePage": b"0",
        "countryCode": b"0",
    },
    "computer": {
        "userAccountControl": b"4096",
        "pwdLastSet": b"0",
        "accountExpires": values.NEVER,
        "primaryGroupID": b"515",
        "sAMAccountType": b"805306369",
        "codePage": b"0",
        "countryCode": b"0",
    },
    "group": {"groupType": b"-2147483646", "sAMAccountType": b"268435456"},
}


def class_of(
    store: DirectoryStore, attributes: Mapping[str, Values], rdn: str
) -> tuple[ObjectClass, dict[str, Stored]]:
    """Return the most derived class named by `attributes`' objectClass and the values its objects start with.

    Raises:
        DirectoryError: objectClassViolation when no known class is named; namingViolation when `rdn` (unless empty) has
            the wrong type for it.
    """
    given = next((value for name, value in attributes.items() if name.lower() == "objectclass"), None)
    named = [values.encode(value).decode().lower() for value in values.as_list(given)]
    known = [schema.CLASSES[name] for name in named if name in schema.CLASSES]
    if not known:
        message = f"0000207D: UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION), no usable class in {named}"
        raise DirectoryError(ResultCode.OBJECT_CLASS_VIOLATION, message)
    chosen = max(known, key=lambda each: len(each.chain))
    if rdn and not rdn.startswith(chosen.rdn + "="):
        raise DirectoryError(ResultCode.NAMING_VIOLATION, f"00002099: {chosen.chain[-1]} is named by {chosen.rdn}")
    like = next((name for name in ("computer", "user", "group") if name in chosen.chain), "")
    category = store.categories.setdefault(chosen.category, f"CN={chosen.category},{store.schema_dn}".encode())
    defaults: dict[str, Stored] = {"instanceType": b"4", "objectCategory": category}
    return chosen, defaults | _DEFAULTS.get(like, {})


def build(store: DirectoryStore) -> None:
    """Create the partitions and everything in them that a fresh domain has."""
    domain = _head(store, store.base_dn, "domaindns")
    _head(store, store.configuration_dn, "configuration")
    _head(store, store.schema_dn, "dmd")
    for name in (
        "Users",
        "Computers",
        "System",
        "Program Data",
        "ForeignSecurityPrincipals",
        "Managed Service Accounts",
    ):
        store.create(domain, f"CN={name}", {"objectClass": "container"})
    store.create(domain, "CN=Builtin", {"objectClass": "builtinDomain"})
    store.create(domain, "CN=LostAndFound", {"objectClass": "lostAndFound"})
    store.create(domain, "OU=Domain Controllers", {"objectClass": "organizationalUnit"})
    _accounts(store)
    _configuration(store)


def ntds_settings_dn(store: DirectoryStore) -> str:
    """Return the name of the domain controller's settings object, the dsServiceName of the rootDSE."""
    return f"CN=NTDS Settings,CN={HOST},CN=Servers,{_SITE},{store.configuration_dn}"


def _head(store: DirectoryStore, dn: str, class_name: str) -> Entry:
    """Create the head of a naming context."""
    chosen, defaults = class_of(store, {"objectClass": class_name}, "")
    usn = store.highest_committed_usn = store.highest_committed_usn + 1
    stored: dict[str, Stored] = {"objectClass": tuple(part.encode() for part in chosen.chain), **defaults}
    stored["instanceType"] = b"5"  # a head that is written here
    if class_name == "domaindns":
        stored |= {"maxPwdAge": b"-36288000000000", "msDS-Behavior-Version": b"%d" % FUNCTIONAL_LEVEL}
    form = shape(tuple(stored))
    head = Entry(store.new_guids(1), None, names.split(dn)[0], form, tuple(stored.values()), usn, int(store.clock()))
    context = store.tree.add_context(dn, head)
    head.children = {}
    store.register(head)
    context.log.append(usn, head, again=False)
    context.deleted_objects = store.create(head, "CN=Deleted Objects", {"objectClass": "container"})
    store.commit(context.deleted_objects, {"isDeleted": b"TRUE"})
    context.deleted_objects.deleted = True
    return head


def _accounts(store: DirectoryStore) -> None:
    users, controllers = f"CN=Users,{store.base_dn}", f"OU=Domain Controllers,{store.base_dn}"
    for name, rid, control in (("Administrator", 500, "512"), ("Guest", 501, "66082"), ("krbtgt", 502, "514")):
        attributes = {"objectClass": "user", "sAMAccountName": name, "userAccountControl": control, **_CRITICAL}
        _with_rid(store, f"CN={name},{users}", attributes, rid)
    for name, rid in (
        ("Domain Admins", 512), ("Domain Users", 513), ("Domain Guests", 514), ("Domain Computers", 515),
        ("Domain Controllers", 516), ("Enterprise Admins", 519),
    ):  # fmt: skip
        attributes = {"objectClass": "group", "sAMAccountName": name, **_CRITICAL}
        _with_rid(store, f"CN={name},{users}", attributes, rid)
    for name in ("Domain Admins", "Enterprise Admins"):
        store.add_values(f"CN={name},{users}", "member", f"CN=Administrator,{users}")
    controller = {
        "objectClass": "computer", "sAMAccountName": f"{HOST}$", "userAccountControl": "532480",
        "primaryGroupID": "516",
        "dNSHostName": f"{HOST.lower()}.{store.domain}", "operatingSystem": "Windows Server 2022 Datacenter",
        "operatingSystemVersion": "10.0 (20348)", **_CRITICAL,
    }  # fmt: skip
    store.add(f"CN={HOST},{controllers}", controller)


_CRITICAL: dict[str, Values] = {"isCriticalSystemObject": True}


def _with_rid(store: DirectoryStore, dn: str, attributes: Mapping[str, Values], rid: int) -> None:
    """Add an account whose SID is fixed by convention."""
    following = store.next_rid
    store.next_rid = rid
    store.add(dn, attributes)
    store.next_rid = following


def _configuration(store: DirectoryStore) -> None:
    top = store.configuration_dn
    for dn, class_name in (
        ("CN=Sites", "sitesContainer"),
        (_SITE, "site"),
        (f"CN=Servers,{_SITE}", "serversContainer"),
        (f"CN={HOST},CN=Servers,{_SITE}", "server"),
        ("CN=Partitions", "crossRefContainer"),
        ("CN=Services", "container"),
        ("CN=Windows NT,CN=Services", "container"),
    ):
        store.add(f"{dn},{top}", {"objectClass": class_name})
    store.add(
        ntds_settings_dn(store),
        {"objectClass": "nTDSDSA", "invocationId": store.invocation_id, "options": 1, "msDS-Behavior-Version": 7},
    )
    store.add(
        f"CN=Directory Service,CN=Windows NT,CN=Services,{top}",
        {"objectClass": "nTDSService", "tombstoneLifetime": 180},
    )
    store.add(
        f"CN={store.netbios},CN=Partitions,{top}",
        {
            "objectClass": "crossRef", "nCName": store.base_dn, "dnsRoot": store.domain, "nETBIOSName": store.netbios,
            "systemFlags": 3,
        },
    )  # fmt: skip
