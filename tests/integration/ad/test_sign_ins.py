"""A Monday morning: everybody signs in, and nothing of it reaches us.

lastLogonTimestamp replicates every 9 to 14 days for every account of a forest. Whether a computer is alive is read from
pwdLastSet instead, which it changes itself every 30 days.
"""

from __future__ import annotations

from collections.abc import Callable

import ldap3

from tests.integration.ad.conftest import LabDC, Reading
from tests.support.samba import SambaDC

PASSWORD = "Monday-Passw0rd!"
FILETIME_2026 = 134_000_000_000_000_000


def last_logon(dc: SambaDC, dn: str) -> list[bytes]:
    dc.connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["lastLogonTimestamp"])
    found: list[bytes] = dc.connection.response[0]["raw_attributes"].get("lastLogonTimestamp") or []
    return found


def sign_in(dc: SambaDC, dn: str, user: str) -> None:
    """As the directory notes it: by itself on Samba; the lab's does not, so it is written there."""
    dc.connect(user, PASSWORD).unbind()
    if isinstance(dc, LabDC):
        dc.store.modify(dn, {"lastLogonTimestamp": str(FILETIME_2026)})


def test_sign_ins_are_no_facts(directory: SambaDC, reading: Callable[..., Reading]) -> None:
    people = {}
    for number in range(5):
        name = f"monday{number}"
        dn = directory.add_user(name)
        directory.set_password(dn, PASSWORD)
        directory.enable(dn)
        people[dn] = f"{name}@{directory.realm}"
    read = reading(directory)
    read.drain()
    before = {dn: last_logon(directory, dn) for dn in people}
    for dn, user in people.items():
        sign_in(directory, dn, user)
    assert all(last_logon(directory, dn) not in ([], before[dn]) for dn in people), "nobody has signed in"
    assert read.drain() == []
    directory.modify(next(iter(people)), {"displayName": "Monday"})
    (fact,) = read.drain()
    assert fact.attributes["displayName"] == "Monday"
