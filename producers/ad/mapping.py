"""From an LDAP entry to what it says about one object. Pure.

Source: [MS-ADTS] 3.1.1.3.4.1.3 (DirSync), the behaviours measured on Samba 4.17: an attribute without
values was removed; "member;range=1-1" holds added and "member;range=0-0" removed links.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from producers.ad.attributes import DEFAULT, SPELLING, SYNTAX, WATCHED, Syntax, Watched
from producers.ad.certificate import certificate_line
from producers.ad.ldap.extended_name import read_name
from producers.ad.ldap.wire import Entry
from producers.refusing import STUMBLES
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import Link, LinkChange, ObjectKind
from streams.contracts.flows import carried
from streams.contracts.identity import guid_of_bytes, sid_of_bytes

_Reader: TypeAlias = Callable[[list[bytes]], Any]

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_REFUSED = 20  # dead letters of one entry
_CONTAINERS = {"organizationalunit", "container", "builtindomain", "domaindns"}


@dataclass(slots=True)
class Change:
    """What one entry says.

    kind:     None where the entry does not tell (a partial change carries no objectClass).
    whole:    a complete statement: what is not named is not set.
    deleted:  a tombstone, by isDeleted or isRecycled and never by its name; restored: it was one.
    refused:  attributes that cannot be read, each with what is wrong and as an entry of its own.
    moved:    name or place changed, and with it the names of everything below.
    """

    object_id: str
    dn: str
    kind: ObjectKind | None = None
    whole: bool = False
    deleted: bool = False
    restored: bool = False
    moved: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    links: dict[str, LinkChange] = field(default_factory=dict)
    refused: list[tuple[InvalidRecordError, Entry]] = field(default_factory=list)


def read_change(entry: Entry, watched: Watched = DEFAULT) -> Change:
    """What a DirSync entry, or one of a plain search, says about its object.

    A value that cannot be read is left out, and noted in `refused`: it costs itself and not its attribute or object.
    Raises InvalidRecordError: "object_guid" (none, or malformed), "value" (the name is no text), "wrong_shape".
    """
    try:
        return _change(entry, watched)
    except STUMBLES as error:
        raise InvalidRecordError("wrong_shape", f"the entry has an unknown shape ({type(error).__name__})") from error


def _change(entry: Entry, watched: Watched) -> Change:
    name = read_name(entry.dn)
    raw_guid = entry.attributes.get("objectGUID")
    if raw_guid:
        object_id = guid_of_bytes(raw_guid[0])
    elif name.guid and _GUID.fullmatch(name.guid):
        object_id = name.guid
    else:
        raise InvalidRecordError("object_guid", f"entry {name.dn!r} has no objectGUID: may this account read it?")
    if not name.dn.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name.dn):
        raise InvalidRecordError("value", f"the distinguished name {name.dn!a} is not UTF-8")
    change = Change(object_id, name.dn)
    attributes = change.attributes
    for spelled, values in entry.attributes.items():
        found = _PLAIN.get(spelled) or _otherwise(change, spelled, values, watched)
        if found is None:
            continue
        attribute, reader = found
        if not values:
            attributes[attribute] = None
            continue
        try:
            attributes[attribute] = reader(values)
        except (*STUMBLES, InvalidRecordError) as error:  # a value of an unforeseen form costs itself alone
            if reader is _texts:
                attributes[attribute] = _readable(change, entry.dn, spelled, values)
            else:
                _refuse(change, entry.dn, spelled, values, error)
    _classify(change)
    attributes["distinguishedName"] = name.dn
    return change


def _readable(change: Change, dn: str, spelled: str, values: list[bytes]) -> list[str]:
    """Of a list with values that are no text the others; each of those is noted by itself."""
    found = []
    for value in values:
        try:
            found.append(value.decode())
        except ValueError as error:
            _refuse(change, dn, spelled, [value], error)
    return found


def _refuse(change: Change, dn: str, spelled: str, values: list[bytes], error: Exception) -> None:
    if len(change.refused) < _MOST_REFUSED:
        refusal = InvalidRecordError("value", f"{spelled} of {change.dn!r}: {error}")
        change.refused.append((refusal, Entry(dn, {spelled: values})))


def kind_of(object_classes: Collection[str]) -> ObjectKind:
    """The kind of an object: a computer is a user too, by its classes, but a device by what it is."""
    classes = {name.lower() for name in object_classes}
    if "computer" in classes:
        return ObjectKind.DEVICE
    if "user" in classes:
        return ObjectKind.USER
    if "group" in classes:
        return ObjectKind.GROUP
    if "contact" in classes:
        return ObjectKind.CONTACT
    if "msds-device" in classes:
        return ObjectKind.REGISTERED_DEVICE
    return ObjectKind.CONTAINER if classes & _CONTAINERS else ObjectKind.OTHER


def _classify(change: Change) -> None:
    attributes = change.attributes
    classes = attributes.get("objectClass")
    if classes:
        change.kind = kind_of(classes)
    change.deleted = attributes.get("isDeleted") is True or attributes.get("isRecycled") is True
    change.restored = not change.deleted and "isDeleted" in attributes and attributes["isDeleted"] is None
    change.whole = bool(classes) and "whenCreated" in attributes and not change.deleted and not change.restored
    change.moved = "name" in attributes or "parentGUID" in attributes
    if change.whole:
        # A whole object says it all: an empty attribute in it was never set.
        for name in [name for name, value in attributes.items() if value is None]:
            del attributes[name]


def _otherwise(
    change: Change, spelled: str, values: list[bytes], watched: Watched
) -> tuple[str, _Reader] | None:
    """The attribute's own spelling and its reader; None for one that was not asked for, and for links (in `change`)."""
    base, _, option = spelled.partition(";")
    key = base.lower()
    if SYNTAX.get(key) is Syntax.LINK:
        _add_links(change.links, SPELLING[key], option, values)
        return None
    if key in watched.added:
        return watched.added[key], _compared
    return _PLAIN.get(SPELLING.get(key, ""))


def _add_links(links: dict[str, LinkChange], name: str, option: str, values: list[bytes]) -> None:
    """Fold one spelling of a linked attribute into what is known of it."""
    earlier = links.get(name)
    if option == "range=0-0":
        removed = _links(values)
        links[name] = LinkChange(earlier.added if earlier else [], removed)
    elif option == "range=1-1":
        added = _links(values)
        links[name] = LinkChange(added, earlier.removed if earlier else [])
    elif earlier is None or values:
        links[name] = LinkChange(added=_links(values), complete=True)


def _links(values: list[bytes]) -> list[Link]:
    found = []
    for value in values:
        name = read_name(value.decode("utf-8", "replace"))
        if name.guid:
            found.append(Link(name.guid, name.sid))  # no DN: it would be half of the bytes, and go stale
    return found


def _text(values: list[bytes]) -> str:
    return values[0].decode()


def _texts(values: list[bytes]) -> list[str]:
    return [value.decode() for value in values]


def _compared(values: list[bytes]) -> str | None:
    return carried(values[0].decode()) or None


def _integer(values: list[bytes]) -> int:
    number = int(values[0])
    if not -(2**63) <= number < 2**63:  # LargeInteger; more is no JSON number that everybody reads
        raise ValueError(f"{number} has more than 64 bits")
    return number


def _boolean(values: list[bytes]) -> bool:
    return values[0].upper() == b"TRUE"


def _time(values: list[bytes]) -> str:
    return rfc3339_of_generalized_time(values[0].decode())


def _sid(values: list[bytes]) -> str:
    return sid_of_bytes(values[0])


def _guid(values: list[bytes]) -> str:
    return guid_of_bytes(values[0])


def _name(values: list[bytes]) -> str:
    return read_name(values[0].decode()).dn


def _binary(values: list[bytes]) -> str:
    return base64.b64encode(values[0]).decode("ascii")


def _certificates(values: list[bytes]) -> list[str]:
    return [certificate_line(value) for value in values]


def rfc3339_of_generalized_time(text: str) -> str:
    """20261122140509.0Z -> 2026-11-22T14:05:09Z. Raises ValueError if it is neither that nor close."""
    if len(text) < 15 or not text[:14].isdigit() or not text.endswith("Z"):
        raise ValueError(f"{text!r} is not a time")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}Z"


_READERS: dict[Syntax, _Reader] = {
    Syntax.TEXT: _text,
    Syntax.TEXTS: _texts,
    Syntax.COMPARED: _compared,
    Syntax.INTEGER: _integer,
    Syntax.BOOLEAN: _boolean,
    Syntax.TIME: _time,
    Syntax.SID: _sid,
    Syntax.GUID: _guid,
    Syntax.NAME: _name,
    Syntax.BINARY: _binary,
    Syntax.CERTIFICATES: _certificates,
}

# By the schema's spelling, which servers use: a full pass spends its time here.
_PLAIN: dict[str, tuple[str, _Reader]] = {
    attribute.name: (attribute.name, _READERS[attribute.syntax])
    for attribute in WATCHED
    if attribute.syntax is not Syntax.LINK and attribute.name != "objectGUID"
}
