"""Graph JSON -> facts. Pure: no I/O, no clock, no state.

Three things are kept apart: null (the property was cleared), false, and absent (no news in a partial item;
never set in a complete one). Unknown keys are ignored: directory types are open, anything may appear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from producers.graph.collections import (
    ADDRESS_PARTS,
    BOOLEANS,
    EXTENSIONS_IN,
    KEPT_ENTRIES,
    OBJECT_LISTS,
    OBJECTS,
    PHONES,
    TEXT_LISTS,
    Collection,
)
from producers.graph.page import UnreadableItem
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import Fact, Link, LinkChange, Operation
from streams.contracts.flows import CARRIED_SHORT, COMPARED_KINDS, EXTENSIONS, READ_BY, carried, read_by
from streams.runtime.clock import HybridClock

# A fact of a big group stays far below the size of a record; more members follow in further facts.
LINKS_PER_FACT = 1000
_MOST_REFUSED = 20  # dead letters of one item
_ERROR_DETAIL = 2000
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def object_id(item: object) -> str:
    """The id of an item in lower case. Raises InvalidRecordError("no_id") if it is not an object with a GUID."""
    if isinstance(item, UnreadableItem):
        raise InvalidRecordError("not_json", f"the item cannot be read: {item.fault}")
    found = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(found, str) or not _GUID.fullmatch(found):
        raise InvalidRecordError("no_id", "the item has no GUID under id")
    return found.lower()


def is_removed(item: Mapping[str, Any]) -> bool:
    """Whether a delta item says that the object is gone, for now ("changed") or for good ("deleted")."""
    return "@removed" in item


def facts_of_item(
    item: Mapping[str, Any], collection: Collection, op: Operation, sequence: HybridClock, ts_ms: int, *, full: bool
) -> Iterator[Fact]:
    """The fact of one item, and further ones where it has more members than one fact carries.

    op:   what happened if the item lives; a removed one is always a deletion.
    full: the item is the first of this object in a full pass: what it lacks is not set, and members it
          does not list belong to no one.
    Raises InvalidRecordError("wrong_type") if a known property has a type that Graph does not give it.
    """
    name = object_id(item)
    if is_removed(item):
        reason = item["@removed"].get("reason") if isinstance(item["@removed"], Mapping) else None
        yield Fact(
            op=Operation.DELETED,
            object_id=name,
            seq=sequence.next(),
            ts_ms=ts_ms,
            kind=collection.kind,
            attributes={"@removed": "deleted" if reason == "deleted" else "changed"},
        )
        return
    attributes = attributes_of(item, collection, full=full)
    changes = [
        (link, part)
        for link in collection.links
        for part in _link_changes(item, link, complete=full, single=link in collection.single)
    ]
    first = {changes[0][0]: changes[0][1]} if changes else {}
    yield Fact(
        op=op,
        object_id=name,
        seq=sequence.next(),
        ts_ms=ts_ms,
        kind=collection.kind,
        attributes=attributes,
        links=first,
        full=full,
    )
    for link, part in changes[1:]:
        yield Fact(
            op=Operation.UPDATED,
            object_id=name,
            seq=sequence.next(),
            ts_ms=ts_ms,
            kind=collection.kind,
            links={link: part},
        )


Refusals: TypeAlias = list[tuple[InvalidRecordError, dict[str, Any]]]


def readable(item: Any, collection: Collection) -> tuple[Any, Refusals, bool]:
    """The item without the values that cannot be read, what was wrong with the first of these, and whether the rest
    says all that the item said of its properties.

    One value costs itself: of a list, of members too, the others stand; of a property of one value, it is not named.
    """
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return item, [], True
    kept, refused, whole = dict(item), Refusals(), True

    def refuse(error: InvalidRecordError, name: str, value: Any) -> None:
        if len(refused) < _MOST_REFUSED:
            refused.append((error, {"id": item["id"], name: value}))

    for name in collection.properties:
        value = item.get(name)
        try:
            _check(name, value)
            continue
        except InvalidRecordError as error:
            fault = error
        kind = str if name in TEXT_LISTS else dict if name in OBJECT_LISTS else None
        entries: list[Any] = value if kind is not None and isinstance(value, list) else []
        good = [entry for entry in entries if isinstance(entry, kind or object)]
        try:
            if len(good) == len(entries):
                raise fault
            _check(name, good)
        except InvalidRecordError as error:
            refuse(error, name, value)
            del kept[name]
            whole = False
            continue
        kept[name] = good
        for entry in entries:
            if not isinstance(entry, kind or object):
                refuse(InvalidRecordError("wrong_type", f"{name} holds a {type(entry).__name__}"), name, [entry])
    for name in (f"{link}@delta" for link in collection.links):
        members = item.get(name)
        if isinstance(members, list):
            kept[name] = [entry for entry in members if _names_an_object(entry)]
            for entry in members:
                if not _names_an_object(entry):
                    refuse(InvalidRecordError("no_id", f"{name} holds an entry without a GUID under id"), name, [entry])
    return kept, refused, whole


def _check(name: str, value: Any) -> None:
    read, parts = _value(name, value), _PARTS.get(name)
    if parts is not None:
        parts(read)
    elif name in CARRIED_SHORT:
        _carried(read)


def _names_an_object(entry: Any) -> bool:
    found = entry.get("id") if isinstance(entry, dict) else None
    return isinstance(found, str) and _GUID.fullmatch(found) is not None


def attributes_of(item: Mapping[str, Any], collection: Collection, *, full: bool) -> dict[str, Any]:
    """The selected properties that the item names; in a complete one null is the same as not named.

    What is only compared is carried short; what Graph nests stands beside the others under the name of its part.
    """
    found: dict[str, Any] = {}
    for name in collection.properties:
        if name in item:
            value = _value(name, item[name])
            parts = _PARTS.get(name)
            if parts is not None:
                found |= parts(value)
            else:
                found[name] = _carried(value) if name in CARRIED_SHORT or name in collection.added else value
    if not full:
        return found
    read_by_us = {READ_BY: read_by(collection.added)} if collection.kind in COMPARED_KINDS else {}
    return {name: value for name, value in found.items() if value is not None} | read_by_us


def _carried(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidRecordError("wrong_type", f"a {type(value).__name__} where Graph sends text")
    return carried(value) or None if value else None


def _extensions(value: Mapping[str, Any] | None) -> dict[str, str | None]:
    return {name: _carried((value or {}).get(name)) for name in EXTENSIONS}


def _address(value: list[dict[str, Any]] | None) -> dict[str, str | None]:
    """Of a contact's addresses the first: Graph's contacts of an organisation have one."""
    first = value[0] if value else {}
    return {name: _carried(first.get(part)) for part, name in ADDRESS_PARTS.items()}


def _phones(value: list[dict[str, Any]] | None) -> dict[str, str | None]:
    numbers = {str(each.get("type")): each.get("number") for each in value or ()}
    return {name: _carried(numbers.get(kind)) for kind, name in PHONES.items()}


def _first_phone(value: list[str] | None) -> dict[str, str | None]:
    return {"businessPhones": _carried(value[0]) if value else None}


def names_of(name: str) -> tuple[str, ...]:
    """Under which names a property of Graph stands among the attributes."""
    parts = _PARTS.get(name)
    return tuple(parts(None)) if parts is not None else (name,)


_PARTS: dict[str, Callable[[Any], dict[str, str | None]]] = {
    EXTENSIONS_IN: _extensions,
    "addresses": _address,
    "phones": _phones,
    "businessPhones": _first_phone,
}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in BOOLEANS:
        fits = isinstance(value, bool)
    elif name in TEXT_LISTS:
        fits = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
        if fits and name in KEPT_ENTRIES:
            value = [entry for entry in value if entry.startswith(KEPT_ENTRIES[name])]
    elif name in OBJECTS:
        fits = isinstance(value, dict)
    elif name in OBJECT_LISTS:
        fits = isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
        value = [_without_annotations(entry) for entry in value] if fits else value
    else:
        fits = isinstance(value, str)
    if not fits:
        raise InvalidRecordError("wrong_type", f"{name} is a {type(value).__name__}, which Graph does not send")
    return value


def _without_annotations(entry: Mapping[str, Any]) -> dict[str, Any]:
    plain = (str, int, float, bool, type(None))  # Graph's have no depth, and what has some is of no use to us
    kept = {key: value for key, value in entry.items() if not key.startswith("@") and isinstance(value, plain)}
    detail = kept.get("errorDetail")
    if isinstance(detail, str):
        kept["errorDetail"] = detail[:_ERROR_DETAIL]
    return kept


def _link_changes(item: Mapping[str, Any], link: str, *, complete: bool, single: bool) -> list[LinkChange]:
    entries = item.get(f"{link}@delta")
    if entries is None:
        return [LinkChange(complete=True)] if complete else []
    if not isinstance(entries, list):
        raise InvalidRecordError("wrong_type", f"{link}@delta is not a list")
    changes = []
    for start in range(0, max(len(entries), 1), LINKS_PER_FACT):
        part = entries[start : start + LINKS_PER_FACT]
        # The last word on a member counts: it may be removed and added again in one answer.
        last = {object_id(entry): is_removed(entry) for entry in part}
        if single and not all(last.values()):
            complete, last = True, {name: gone for name, gone in last.items() if not gone}
        changes.append(
            LinkChange(
                added=[Link(id=member) for member, gone in last.items() if not gone],
                removed=[] if complete and start == 0 else [Link(id=member) for member, gone in last.items() if gone],
                complete=complete and start == 0,
            )
        )
    return changes
