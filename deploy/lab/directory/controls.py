"""The controls the directory knows and what each request carries of them.

Source: MS-ADTS 3.1.1.3.4.1; RFC 2696 (paged results).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploy.lab.directory import ber, messages
from deploy.lab.directory.ber import BerError, Reader
from deploy.lab.directory.messages import Control
from deploy.lab.directory.results import DirectoryError, ResultCode

PAGED_RESULTS = "1.2.840.113556.1.4.319"
SHOW_DELETED = "1.2.840.113556.1.4.417"
NOTIFICATION = "1.2.840.113556.1.4.528"
EXTENDED_DN = "1.2.840.113556.1.4.529"
LAZY_COMMIT = "1.2.840.113556.1.4.619"
SD_FLAGS = "1.2.840.113556.1.4.801"
TREE_DELETE = "1.2.840.113556.1.4.805"
DIRSYNC = "1.2.840.113556.1.4.841"
DOMAIN_SCOPE = "1.2.840.113556.1.4.1339"
SEARCH_OPTIONS = "1.2.840.113556.1.4.1340"
PERMISSIVE_MODIFY = "1.2.840.113556.1.4.1413"
SHOW_RECYCLED = "1.2.840.113556.1.4.2064"
SHOW_DEACTIVATED_LINKS = "1.2.840.113556.1.4.2065"
SUPPORTED = (
    PAGED_RESULTS, SHOW_DELETED, NOTIFICATION, EXTENDED_DN, LAZY_COMMIT, SD_FLAGS, TREE_DELETE, DIRSYNC, DOMAIN_SCOPE,
    SEARCH_OPTIONS, PERMISSIVE_MODIFY, SHOW_RECYCLED, SHOW_DEACTIVATED_LINKS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DirSync:
    flags: int
    max_bytes: int
    cookie: bytes


@dataclass(slots=True)
class Controls:
    """What a request asked for. `extended_dn`: None off, 0 hexadecimal, 1 text form."""

    page_size: int | None = None
    page_cookie: bytes = b""
    show_deleted: bool = False
    show_recycled: bool = False
    notification: bool = False
    extended_dn: int | None = None
    tree_delete: bool = False
    domain_scope: bool = False
    permissive: bool = False
    dirsync: DirSync | None = None


def read(listed: Iterable[Control]) -> Controls:
    """Return what the controls of a request mean.

    Raises:
        DirectoryError: unavailableCriticalExtension for a critical control nobody knows, or for any value Active
            Directory cannot decode - among them DirSync flags of more than four octets, which is how ldap3 2.9.1
            encodes incremental values (go-ldap issue 570 and ldap3 issue 642 show Windows refusing them).
    """
    found = Controls()
    for control in listed:
        try:
            _apply(found, control)
        except BerError as error:
            message = f"00000057: LdapErr: DSID-0C0907F6, comment: Error processing control ({error}), data 0, v4563"
            raise DirectoryError(ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, message) from error
    return found


def paged_response(cookie: bytes) -> bytes:
    """Return the response control of a page; an empty cookie says it was the last."""
    return messages.control(PAGED_RESULTS, ber.tlv(ber.SEQUENCE, ber.integer(0), ber.octets(cookie)))


def dirsync_response(more: bool, cookie: bytes) -> bytes:
    value = ber.tlv(ber.SEQUENCE, ber.integer(int(more)), ber.integer(0), ber.octets(cookie))
    return messages.control(DIRSYNC, value)


def _apply(found: Controls, control: Control) -> None:
    if control.oid in _SWITCHES:
        setattr(found, _SWITCHES[control.oid], True)
    elif control.oid == PAGED_RESULTS:
        inner = _value(control)
        found.page_size, found.page_cookie = inner.integer(), inner.octets()
    elif control.oid == EXTENDED_DN:
        found.extended_dn = _value(control).integer() if control.value else 0
    elif control.oid == DIRSYNC:
        inner = _value(control)
        flags, max_bytes = inner.integer(limit=4), inner.integer(limit=4)
        found.dirsync = DirSync(flags & 0xFFFFFFFF, max_bytes, inner.octets())
    elif control.critical and control.oid not in SUPPORTED:
        message = f"00002040: SvcErr: DSID-031401E7, problem 5010 (UNAVAIL_EXTENSION), data 0 ({control.oid})"
        raise DirectoryError(ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, message)


def _value(control: Control) -> Reader:
    if control.value is None:
        raise BerError("a value is missing")
    return Reader(control.value).sequence()


_SWITCHES = {
    SHOW_DELETED: "show_deleted",
    SHOW_RECYCLED: "show_recycled",
    NOTIFICATION: "notification",
    TREE_DELETE: "tree_delete",
    DOMAIN_SCOPE: "domain_scope",
    PERMISSIVE_MODIFY: "permissive",
}
