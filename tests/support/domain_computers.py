"""Computers of a real domain controller as the lab's device sync reads its own: over LDAP instead of in process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ldap3

from streams.contracts.identity import sid_of_bytes
from tests.support.samba import SambaDC

_READ = ("objectGUID", "objectSid", "name", "userAccountControl", "userCertificate", "operatingSystemVersion")


@dataclass(frozen=True, slots=True)
class DomainComputer:
    """One computer account."""

    attributes: Mapping[str, Sequence[bytes]]
    object_class: str = "computer"

    @property
    def guid(self) -> uuid.UUID:
        return uuid.UUID(bytes_le=bytes(self.attributes["objectGUID"][0]))

    @property
    def sid(self) -> str | None:
        return sid_of_bytes(bytes(self.attributes["objectSid"][0]))

    def raw(self, name: str) -> Sequence[bytes]:
        return self.attributes.get(name, ())

    def first(self, name: str) -> str | None:
        found = self.raw(name)
        return found[0].decode() if found else None


@dataclass(frozen=True, slots=True)
class DomainComputers:
    """The directory of a DeviceSync."""

    dc: SambaDC

    def objects(self, *, below: str) -> Iterator[DomainComputer]:
        """Every computer account below a container."""
        connection = self.dc.connection
        connection.search(below, "(objectClass=computer)", ldap3.SUBTREE, attributes=list(_READ))
        for entry in list(connection.response):
            yield DomainComputer(entry["raw_attributes"])
