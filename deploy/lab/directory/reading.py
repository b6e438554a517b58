"""The values of any attribute of an object, stored or computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deploy.lab.directory import names, schema, values
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.schema import Attribute

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

_RDN_ATTRIBUTES = {"cn": "CN", "ou": "OU", "dc": "DC"}


def read(store: DirectoryStore, entry: Entry, known: Attribute) -> tuple[bytes, ...]:
    """Return all values of `known`; an empty tuple when there is none or nobody may read it."""
    if known.computed:
        return _computed(store, entry, known.name)
    if known.secret:
        return ()
    if known.link:
        return tuple(store.dn(target).encode() for target in entry.targets(known.name))
    return values.unpack(entry.stored(known.name))


def present(store: DirectoryStore, entry: Entry) -> Iterator[Attribute]:
    """Yield the attributes a reader of `*` gets: what is set, and what is computed and not operational."""
    for name, value in zip(entry.shape.names, entry.values, strict=True):
        known = schema.ATTRIBUTES[name.lower()]
        if value is not None and not known.secret and not known.operational:
            yield known
    for known in _ALWAYS:
        if known.name != "objectSid" or entry.rid:
            yield known
    yield schema.ATTRIBUTES[entry.rdn.partition("=")[0].lower()]
    for back in schema.BACK_LINKS:
        if entry.sources(back):
            yield schema.ATTRIBUTES[back.lower()]


_ALWAYS = tuple(
    schema.ATTRIBUTES[name.lower()]
    for name in (
        "distinguishedName", "whenCreated", "whenChanged", "uSNCreated", "uSNChanged", "name", "objectGUID",
        "objectSid",
    )
)  # fmt: skip


def _computed(store: DirectoryStore, entry: Entry, name: str) -> tuple[bytes, ...]:
    if name in schema.BACK_LINKS:
        return tuple(store.dn(source).encode() for source in entry.sources(name))
    one: bytes | None = None
    if name == "objectGUID":
        one = entry.guid
    elif name == "distinguishedName":
        one = store.dn(entry).encode()
    elif name == "name":
        one = names.value(entry.rdn).encode()
    elif name in _RDN_ATTRIBUTES:
        one = names.value(entry.rdn).encode() if entry.rdn.startswith(_RDN_ATTRIBUTES[name] + "=") else None
    elif name == "objectSid":
        one = store.sid(entry)
    elif name == "parentGUID":
        one = entry.parent.guid if entry.parent is not None else None
    elif name in ("whenCreated", "whenChanged"):
        one = values.generalized_time(entry.when_created if name == "whenCreated" else entry.when_changed)
    elif name in ("uSNCreated", "uSNChanged"):
        one = b"%d" % (entry.usn_created if name == "uSNCreated" else entry.usn_changed)
    elif name == "canonicalName":
        one = _canonical(store.dn(entry)).encode()
    return () if one is None else (one,)


def _canonical(dn: str) -> str:
    relative = names.split(dn)
    domain = ".".join(names.value(part) for part in relative if part.startswith("DC="))
    path = [names.value(part).replace("/", "\\/") for part in reversed(relative) if not part.startswith("DC=")]
    return "/".join([domain, *path]) + ("" if path else "/")
