"""Who may bind and what each may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TYPE_CHECKING

from deploy.lab.directory import values
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.results import DirectoryError, ResultCode

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

_DISABLED = 0x2


class Right(Flag):
    """READ: ordinary objects. REPLICATE: DS-Replication-Get-Changes, so DirSync without the object-security flag."""

    READ = auto()
    READ_DELETED = auto()
    REPLICATE = auto()
    WRITE = auto()


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has bound: the entry it is and its rights."""

    entry: Entry
    name: str
    rights: Right


@dataclass(frozen=True, slots=True)
class Accounts:
    """The lab's three accounts; every other object with a password may bind too and is an ordinary reader.

    administrator may do everything. service has Replicating Directory Changes and nothing else: it sees deleted objects
    through DirSync only. reader is an ordinary user: DirSync refuses it without the object-security flag, and it never
    sees a deleted object.
    """

    administrator: str = "Administrator"
    administrator_password: str = field(default="Passw0rd!x1", repr=False)
    service: str = "svc-synchealth"
    service_password: str = field(default="Passw0rd!svc1", repr=False)
    reader: str = "reader"
    reader_password: str = field(default="Passw0rd!reader1", repr=False)

    def install(self, store: DirectoryStore) -> None:
        """Create the accounts that `store` lacks and set their passwords."""
        for name, password in (
            (self.administrator, self.administrator_password),
            (self.service, self.service_password),
            (self.reader, self.reader_password),
        ):
            if store.find_account(name) is None:
                attributes: dict[str, values.Values] = {
                    "objectClass": "user",
                    "sAMAccountName": name,
                    "userPrincipalName": f"{name}@{store.domain}",
                    "userAccountControl": 66048,
                }
                store.add(f"CN={name},CN=Users,{store.base_dn}", attributes)
            found = store.find_account(name)
            if found is not None and not store.verify_password(store.entry(found.guid), password):
                store.set_password(found.guid, password)

    def authenticate(self, store: DirectoryStore, name: str, password: str) -> Account:
        """Return who `name` (a DN, a principal name or DOMAIN\\account) is.

        Raises:
            DirectoryError: invalidCredentials, with Active Directory's sub-code in the text: 525 nobody of that name,
                52e wrong password, 533 disabled.
        """
        entry = _find(store, name)
        if entry is None:
            raise refused("525")
        if not store.verify_password(entry, password):
            raise refused("52e")
        control = values.unpack(entry.stored("userAccountControl"))
        if control and int(control[0]) & _DISABLED:
            raise refused("533")
        account_name = values.unpack(entry.stored("sAMAccountName"))[0].decode()
        return Account(entry, account_name, self._rights(account_name))

    def _rights(self, account_name: str) -> Right:
        if account_name.lower() == self.administrator.lower():
            return Right.READ | Right.READ_DELETED | Right.REPLICATE | Right.WRITE
        return Right.READ | Right.REPLICATE if account_name.lower() == self.service.lower() else Right.READ


def refused(data: str) -> DirectoryError:
    """Return the invalidCredentials error with the sub-code `data`."""
    message = f"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563"
    return DirectoryError(ResultCode.INVALID_CREDENTIALS, message)


def _find(store: DirectoryStore, name: str) -> Entry | None:
    domain, backslash, account = name.partition("\\")
    if backslash and "=" not in domain:
        known = domain.lower() in (store.netbios.lower(), store.domain)
        return store.by_account.get(account.lower().encode()) if known else None
    if "=" in name or name.startswith("<"):
        try:
            entry = store.entry(name)
        except DirectoryError:
            return None
        return None if entry.deleted else entry
    found = store.by_upn.get(name.lower().encode())
    if found is not None:
        return found
    account, _, suffix = name.rpartition("@")
    return store.by_account.get(account.lower().encode()) if suffix.lower() == store.domain else None
