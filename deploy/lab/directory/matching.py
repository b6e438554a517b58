"""Whether an object matches a filter.

A predicate returns True, False, or None where the attribute is not in the schema (RFC 4511 "Undefined"); an absent
attribute is False, so that `(!(mail=x))` finds objects without mail, as Active Directory does.

Source: MS-ADTS 3.1.1.3.1.3 (filters), 3.1.1.3.4.4 (matching rules).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from deploy.lab.directory import reading, schema, sids, values
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.filters import AND, EQUAL, EXTENSIBLE, GREATER, LESS, NOT, OR, PRESENT, SUBSTRINGS, Filter
from deploy.lab.directory.results import DirectoryError
from deploy.lab.directory.schema import Attribute, Syntax

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

Predicate: TypeAlias = Callable[[Entry], "bool | None"]
BIT_AND = "1.2.840.113556.1.4.803"
BIT_OR = "1.2.840.113556.1.4.804"
IN_CHAIN = "1.2.840.113556.1.4.1941"


def predicate(store: DirectoryStore, node: Filter) -> Predicate:
    """Return the predicate that decides whether an entry of `store` matches."""
    if node.kind in (AND, OR):
        return _all_of(store, node) if node.kind == AND else _any_of(store, node)
    if node.kind == NOT:
        inner = predicate(store, node.parts[0])

        def negated(entry: Entry) -> bool | None:
            verdict = inner(entry)
            return None if verdict is None else not verdict

        return negated
    known = schema.attribute(node.attribute.partition(";")[0])
    if known is None:
        return lambda entry: None
    if node.kind == PRESENT:
        return _present(store, known)
    if node.kind == EXTENSIBLE and node.rule:
        return _extensible(store, known, node)
    return _comparison(store, known, node)


def _all_of(store: DirectoryStore, node: Filter) -> Predicate:
    parts = [predicate(store, part) for part in node.parts]

    def matches(entry: Entry) -> bool | None:
        verdict: bool | None = True
        for part in parts:
            found = part(entry)
            if found is False:
                return False
            if found is None:
                verdict = None
        return verdict

    return matches


def _any_of(store: DirectoryStore, node: Filter) -> Predicate:
    parts = [predicate(store, part) for part in node.parts]

    def matches(entry: Entry) -> bool | None:
        verdict: bool | None = False
        for part in parts:
            found = part(entry)
            if found:
                return True
            if found is None:
                verdict = None
        return verdict

    return matches


def _present(store: DirectoryStore, known: Attribute) -> Predicate:
    if known.name in ("objectClass", "objectGUID", "distinguishedName", "name", "uSNChanged"):
        return lambda entry: True
    if not known.computed and not known.secret:
        return lambda entry: entry.stored(known.name) is not None
    return lambda entry: bool(reading.read(store, entry, known))


def _comparison(store: DirectoryStore, known: Attribute, node: Filter) -> Predicate:
    if node.kind == SUBSTRINGS:
        return _substrings(store, known, node)
    if known.syntax is Syntax.DN and node.kind == EQUAL and known.name != "objectCategory":
        return _dn_equal(store, known, node.value.decode(errors="replace"))
    wanted = _assertion(store, known, node.value)
    if wanted is None:
        return lambda entry: None
    if known.syntax is Syntax.INTEGER:
        number = int(wanted)
        if node.kind == GREATER:
            return lambda entry: any(int(value) >= number for value in reading.read(store, entry, known))
        if node.kind == LESS:
            return lambda entry: any(int(value) <= number for value in reading.read(store, entry, known))
    if node.kind == GREATER:
        return lambda entry: any(values.fold(known, value) >= wanted for value in reading.read(store, entry, known))
    if node.kind == LESS:
        return lambda entry: any(values.fold(known, value) <= wanted for value in reading.read(store, entry, known))
    if known.name == "objectClass":
        return lambda entry: any(value.lower() == wanted for value in values.unpack(entry.stored("objectClass")))
    return lambda entry: any(values.fold(known, value) == wanted for value in reading.read(store, entry, known))


def _assertion(store: DirectoryStore, known: Attribute, value: bytes) -> bytes | None:
    """Return the folded value to compare with, None when it has the wrong form for the attribute."""
    text = value.decode(errors="replace")
    if known.name == "objectCategory" and "=" not in text:
        category = schema.CATEGORY_NAMES.get(text.lower())
        return None if category is None else f"CN={category},{store.schema_dn}".lower().encode()
    if known.syntax is Syntax.INTEGER:
        return value if value.removeprefix(b"-").isdigit() else None
    try:
        if known.name == "objectSid" and text.upper().startswith("S-1-"):
            return sids.parse(text)
        if known.name in ("objectGUID", "parentGUID") and len(value) in (36, 38):
            return uuid.UUID(text).bytes_le
    except ValueError:
        return None
    return values.fold(known, value)


def _dn_equal(store: DirectoryStore, known: Attribute, text: str) -> Predicate:
    """Compare DN values as objects, so that spelling and escapes do not matter."""
    try:
        target = store.entry(text)
    except DirectoryError:
        return lambda entry: False
    if known.name == "distinguishedName":
        return lambda entry: entry is target
    if known.link:
        return lambda entry: target in entry.targets(known.name)
    if known.name in schema.BACK_LINKS:
        forward = schema.BACK_LINKS[known.name]
        return lambda entry: entry in target.targets(forward)
    wanted = store.dn(target).lower().encode()
    return lambda entry: any(value.lower() == wanted for value in reading.read(store, entry, known))


def _substrings(store: DirectoryStore, known: Attribute, node: Filter) -> Predicate:
    if known.syntax is Syntax.DN:
        return lambda entry: False  # Active Directory supports no substring match on names
    initial, *middle, final = [None if piece is None else values.fold(known, piece) for piece in node.pieces]

    def matches(value: bytes) -> bool:
        start, stop = 0, len(value)
        if initial is not None:
            if not value.startswith(initial):
                return False
            start = len(initial)
        if final is not None:
            if not value.endswith(final):
                return False
            stop -= len(final)
        for piece in middle:
            found = value.find(piece or b"", start, stop) if stop >= start else -1
            if found < 0:
                return False
            start = found + len(piece or b"")
        return start <= stop

    return lambda entry: any(matches(values.fold(known, value)) for value in reading.read(store, entry, known))


def _extensible(store: DirectoryStore, known: Attribute, node: Filter) -> Predicate:
    if node.rule in (BIT_AND, BIT_OR) and known.syntax is Syntax.INTEGER and node.value.removeprefix(b"-").isdigit():
        bits = int(node.value)
        if node.rule == BIT_AND:
            return lambda entry: any(int(value) & bits == bits for value in reading.read(store, entry, known))
        return lambda entry: any(int(value) & bits != 0 for value in reading.read(store, entry, known))
    if node.rule == IN_CHAIN and known.syntax is Syntax.DN:
        return _in_chain(store, known, node.value.decode(errors="replace"))
    return lambda entry: None


def _in_chain(store: DirectoryStore, known: Attribute, text: str) -> Predicate:
    """Match entries from which the named object is reached through `known`, directly or over any number of hops."""
    try:
        waiting = [store.entry(text)]
    except DirectoryError:
        return lambda entry: False
    found: set[Entry] = set()
    while waiting:
        entry = waiting.pop()
        if known.link:
            near = entry.sources(schema.LINKS[known.name][0])
        else:
            near = list(entry.targets(schema.BACK_LINKS.get(known.name, "")))
        fresh = [other for other in near if other not in found]
        found.update(fresh)
        waiting += fresh
    return lambda entry: entry in found
