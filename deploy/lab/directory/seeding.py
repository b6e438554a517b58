"""A plain population for benchmarks and first steps: users in departments, and groups of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import islice

from deploy.lab.directory.store import DirectoryStore

_COLUMNS = (
    "sAMAccountName", "userPrincipalName", "mail", "displayName", "proxyAddresses", "givenName", "sn", "department",
    "userAccountControl", "pwdLastSet",
)  # fmt: skip
_DEPARTMENTS = ("Engineering", "Sales", "Finance", "Operations", "People", "Legal", "Support", "Research")
_PER_UNIT = 50_000
_MEMBERS = 200


def seed_users(store: DirectoryStore, users: int, groups: int = 0, *, suffix: str = "contoso.com") -> None:
    """Create `users` users below OU=Staff, up to 50,000 per organisational unit, and `groups` groups of up to 200."""
    staff = f"OU=Staff,{store.base_dn}"
    store.add(staff, {"objectClass": "organizationalUnit"})
    rows = _rows(users, suffix)
    for unit in range(-(-users // _PER_UNIT)):
        dn = f"OU=Unit {unit:03d},{staff}"
        store.add(dn, {"objectClass": "organizationalUnit"})
        store.load(dn, "user", _COLUMNS, islice(rows, _PER_UNIT))
    members: list[uuid.UUID] = []
    for found in store.objects(below=staff):
        if len(members) >= groups * _MEMBERS:
            break
        if found.object_class == "user":
            members.append(found.guid)
    for number in range(groups):
        attributes = {"objectClass": "group", "sAMAccountName": f"group{number:04d}"}
        dn = f"CN=Group {number:04d},{staff}"
        store.add(dn, {**attributes, "member": members[number * _MEMBERS : (number + 1) * _MEMBERS]})


def _rows(count: int, suffix: str) -> Iterator[tuple[str | list[str], ...]]:
    for number in range(count):
        account = f"user{number:07d}"
        address = f"{account}@{suffix}"
        yield (
            f"User {number:07d}", account, address, address, f"User {number:07d}",
            [f"SMTP:{address}", f"smtp:{account}@contoso.onmicrosoft.com"], f"Given{number % 997}", f"Name{number:07d}",
            _DEPARTMENTS[number % len(_DEPARTMENTS)], "512", "134000000000000000",
        )  # fmt: skip
