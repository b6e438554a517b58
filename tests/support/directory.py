"""Either kind of directory under test, lab or Samba, and a plain reader of DirSync.

The control values are built with the lab's own BER: ldap3 2.9.1 with pyasn1 0.6 encodes the incremental-values flag in
five octets, whichever sign it is given (measured), and Windows refuses that.
"""

from __future__ import annotations

import gc
import ssl
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3

from deploy.lab.certificates import issue
from deploy.lab.directory import ber, controls, sids
from deploy.lab.directory.accounts import Accounts
from deploy.lab.directory.server import DirectoryServer, ThreadedDirectory, in_thread
from tests.support.samba import ADMIN_PASSWORD, SambaDC

INCREMENTAL_VALUES = 0x80000000
OBJECT_SECURITY = 0x1
ANCESTORS_FIRST = 0x800


@dataclass(frozen=True)
class Change:
    """One entry of a DirSync response: attributes by name, removed ones as an empty list."""

    guid: uuid.UUID
    dn: str
    attributes: dict[str, list[bytes]]

    def text(self, name: str) -> list[str]:
        return [value.decode() for value in self.attributes[name]]


@dataclass(frozen=True)
class Page:
    changes: list[Change]
    more: bool
    cookie: bytes
    code: int
    message: str


@dataclass
class Directory:
    """A directory under test: `kind` is "lab" or "samba", `dc` how to reach and to change it over LDAP."""

    kind: str
    dc: SambaDC
    thread: ThreadedDirectory | None = field(default=None, repr=False)
    opened: list[Any] = field(default_factory=list, repr=False)

    @property
    def base_dn(self) -> str:
        return self.dc.base_dn

    def connect(self, user: str | None = None, password: str | None = None, **options: Any) -> Any:
        """Return a bound connection that reports results instead of raising them; `close_connections` ends it."""
        connection = self.dc.connect(user, password, **{"raise_exceptions": False, **options})
        self.opened.append(connection)
        return connection

    def close_connections(self) -> None:
        while self.opened:
            self.opened.pop().unbind()

    def plain(self, **options: Any) -> Any:
        """Return an open, unencrypted, unbound connection with StartTLS at hand."""
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.dc.ca_file), valid_names=[self.dc.host_name])
        server = ldap3.Server(self.dc.host, self.dc.ldap_port, tls=tls, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, check_names=False, **options)
        connection.open()
        self.opened.append(connection)
        return connection

    def replicator(self) -> tuple[str, str]:
        """Return name and password of an account that may replicate changes, and nothing more."""
        if self.kind == "lab":
            return f"svc-synchealth@{self.dc.realm}", Accounts().service_password
        dn, password = self.dc.add_user("t-replicator"), "Replicator-1"
        self.dc.set_password(dn, password)
        self.dc.enable(dn)
        self.dc.connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
        self.dc.grant_replicating_directory_changes(
            sids.text(self.dc.connection.response[0]["raw_attributes"]["objectSid"][0])
        )
        return f"t-replicator@{self.dc.realm}", password

    def unit(self, name: str) -> str:
        """Create an organisational unit for one test; return its DN."""
        dn = f"OU={name},{self.base_dn}"
        self.dc.add(dn, "organizationalUnit")
        return dn

    def page(
        self,
        cookie: bytes = b"",
        attributes: Sequence[str] = ("*",),
        *,
        flags: int = INCREMENTAL_VALUES,
        base: str | None = None,
        filter_text: str = "(objectClass=*)",
        max_bytes: int = 2**31 - 1,
        connection: Any = None,
        scope: str = ldap3.SUBTREE,
    ) -> Page:
        """Read one DirSync response."""
        client = connection or self.dc.connection
        control = dirsync_control(flags, cookie, max_bytes)
        extended = (controls.EXTENDED_DN, False, ber.tlv(ber.SEQUENCE, ber.integer(1)))
        was, client.raise_exceptions = client.raise_exceptions, False
        client.search(
            base or self.base_dn, filter_text, scope, attributes=list(attributes), controls=[control, extended]
        )
        client.raise_exceptions = was
        result = client.result
        value = (result.get("controls") or {}).get(controls.DIRSYNC, {}).get("value") or {}
        found = [_change(entry) for entry in client.response or () if entry["type"] == "searchResEntry"]
        return Page(
            found, bool(value.get("more_results")), value.get("cookie") or b"", result["result"], result["message"]
        )

    def sync(
        self, cookie: bytes = b"", attributes: Sequence[str] = ("*",), **options: Any
    ) -> tuple[list[Change], bytes]:
        """Read DirSync to its end; return all changes, in order, and the last cookie."""
        found: list[Change] = []
        while True:
            page = self.page(cookie, attributes, **options)
            assert page.code == 0, page.message
            found += page.changes
            cookie = page.cookie
            if not page.more:
                return found, cookie

    def cookie(self) -> bytes:
        """Return a cookie of now."""
        return self.sync(attributes=["name"])[1]

    def changes(self, cookie: bytes, attributes: Sequence[str] = ("*",), **options: Any) -> dict[uuid.UUID, Change]:
        """Return what changed since `cookie`, merged by object."""
        merged: dict[uuid.UUID, Change] = {}
        for change in self.sync(cookie, attributes, **options)[0]:
            known = merged.get(change.guid)
            attributes_ = {**(known.attributes if known else {}), **change.attributes}
            merged[change.guid] = Change(change.guid, change.dn, attributes_)
        return merged


def dirsync_control(flags: int, cookie: bytes, max_bytes: int = 2**31 - 1) -> tuple[str, bool, bytes]:
    """Return the DirSync request control with the flags in four octets."""
    value = ber.tlv(
        ber.SEQUENCE, ber.tlv(ber.INTEGER, flags.to_bytes(4, "big")), ber.integer(max_bytes), ber.octets(cookie)
    )
    return controls.DIRSYNC, True, value


@contextmanager
def lab_directory(scratch: Path, server: DirectoryServer) -> Iterator[Directory]:
    """Serve a lab directory in a thread for the body, described in the words of the Samba fixture."""
    domain = server.store.domain
    server.certificates = issue(scratch, [f"dc1.{domain}", "127.0.0.1"])
    with in_thread(server) as thread:
        dc = SambaDC(
            server.host, scratch, server.certificates.ca_file, server.port, server.ldaps_port, domain, ADMIN_PASSWORD
        )
        found = Directory("lab", dc, thread)
        try:
            yield found
            gc.collect()  # a task that failed unseen reports when it is collected
            assert thread.unexpected == []
        finally:
            found.close_connections()
            if dc._connection is not None:
                dc._connection.unbind()


def _change(entry: dict[str, Any]) -> Change:
    # ldap3 fills in [] for what was asked and did not come, and None for what came without values.
    raw = entry["raw_attributes"]
    attributes = {name: list(values or []) for name, values in raw.items() if values is None or values}
    dn = entry["raw_dn"].decode().split(";")[-1] if entry["raw_dn"].startswith(b"<") else entry["raw_dn"].decode()
    return Change(uuid.UUID(bytes_le=attributes["objectGUID"][0]), dn, attributes)
