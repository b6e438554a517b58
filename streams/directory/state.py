"""One directory object as its facts tell it: a last-write-wins register per attribute.

DirSync and Graph delta are partial and may repeat or overtake themselves (a restarted source, a failed-over
domain controller), so every attribute remembers the sequence number that set it. Folding is commutative and
idempotent: any order, with any duplicates, ends in the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from streams.contracts.events import Event
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.contracts.flows import CARRIED_SHORT, FLOW_ATTRIBUTES, READ_BY, names_read
from streams.directory.event_slots import remembered

_NOTHING: frozenset[str] = frozenset()


class Vanished(msgspec.Struct, frozen=True, array_like=True):
    """Of an attribute that is not set: the last value that was told, by which fact, and the newest fact that took it.

    told: 0: none was ever told. taken: 0: nobody said so, a complete statement just lacks it, as it would if we might
    not read it any more.
    """

    told: int
    taken: int
    value: str | None

    @property
    def cleared(self) -> bool:
        """Whether the directory itself said that the value was removed."""
        return self.value is not None and self.taken > self.told


class ObjectState(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The current state of one object.

    base:     seq of the newest complete statement; every attribute is at least that new.
    seqs:     attribute -> seq, where newer than `base`; a removed attribute stays here.
    life_seq: seq of the fact that decided `alive`.
    restored_seq: seq of the newest restoration from the deleted objects; links older than it are gone.
    seq:      the highest seq folded in: the version of everything derived from this state.
    changed_ms: when the newest fact changed, or was read.
    first_ms:   when the oldest fact of which we know changed, or was read; created_ms: when it was created before our
                eyes, 0 if it was there before.
    revived_ms: when it last came back from death before our eyes; 0: never. For lateness only.
    changed:    attribute -> when its value last changed (ms), as far as we saw it change. For lateness only: facts that
                overtake each other may leave it a little off.
    events:     slot -> the newest event of it (streams.views.events), from LOGGED facts.
    link_buckets: which link rows of this object exist (see engine.links).
    member_counts: link row -> how many members stand in it; rows without any are left out.
    vanished:   of AD, attribute that flows -> what was its last value (streams.contracts.flows).
    links_base: linked attribute ("*": any other) -> seq of the newest complete statement of its links.
    namesake: another world knew this id first; only the names of rows tell (engine.links).
    has_members: of a group, whether its newest word on members leaves it any; None: unknown, as after a removal, which
                may have been the last one. members_seq: the seq of that word.
    """

    object_id: str
    side: Literal["ad", "entra"]
    tenant: str
    forest: str | None = None
    kind: ObjectKind | None = None
    kind_seq: int = 0
    attributes: dict[str, Any] = {}
    base: int = 0
    seqs: dict[str, int] = {}
    alive: bool = True
    life_seq: int = 0
    restored_seq: int = 0
    seq: int = 0
    changed_ms: int = 0
    first_ms: int = 0
    created_ms: int = 0
    revived_ms: int = 0
    changed: dict[str, int] = {}
    events: dict[str, Event] = {}
    vanished: dict[str, Vanished] = {}
    link_buckets: list[str] = []
    member_counts: dict[str, int] = {}
    links_base: dict[str, int] = {}
    namesake: bool = False
    has_members: bool | None = None
    members_seq: int = 0

    @property
    def identity(self) -> str:
        """Its name among all objects of a tenant: a GUID is unique within its forest only."""
        return identity_of(self.object_id, self.forest)

    def text(self, name: str) -> str | None:
        """A single-valued attribute as text; None if it is unset or empty."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) and value else None

    def texts(self, name: str) -> list[str]:
        """A multi-valued attribute as a list of texts; [] if it is unset."""
        value = self.attributes.get(name)
        if isinstance(value, str):
            return [value]
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def identity_of(object_id: str, forest: str | None) -> str:
    """The name of an AD object among those of all forests: "<objectGUID>@<forest>"; of an Entra object its id."""
    return f"{object_id}@{forest}" if forest else object_id


def new_state(origin: Origin, object_id: str) -> ObjectState:
    """The state of an object nobody has spoken of yet."""
    return ObjectState(object_id=object_id, side=origin.side, tenant=origin.tenant, forest=origin.forest)


def fold(state: ObjectState, fact: Fact) -> ObjectState:
    """`state` after `fact`; the argument is left as it was."""
    if fact.op is Operation.LOGGED:
        return msgspec.structs.replace(state, events=remembered(state.events, fact.events))
    attributes, seqs, base = dict(state.attributes), dict(state.seqs), state.base
    if fact.full and fact.seq >= base:
        base = fact.seq
        for name in [name for name in attributes if seqs.get(name, 0) <= base]:
            del attributes[name]
        seqs = {name: seq for name, seq in seqs.items() if seq > base}
    for name, value in fact.attributes.items():
        if fact.seq < seqs.get(name, base):
            continue
        if value is None:
            attributes.pop(name, None)
        else:
            attributes[name] = value
        if fact.seq > base:
            seqs[name] = fact.seq
    alive, life_seq = state.alive, state.life_seq
    if fact.seq >= life_seq:
        alive, life_seq = fact.op is not Operation.DELETED, fact.seq
    kind, kind_seq = state.kind, state.kind_seq
    if fact.kind is not None and fact.seq >= kind_seq:
        kind, kind_seq = fact.kind, fact.seq
    has_members, members_seq = _members(state, fact)
    newest = fact.seq >= state.seq
    changed_ms = fact.changed_ms or fact.ts_ms
    changed = state.changed
    read_by = state.attributes.get(READ_BY)
    if state.seq:  # the first fact of an object shows what is there, not what has changed
        # What is asked for the first time was there before.
        first_read, reads = _NOTHING, fact.attributes.get(READ_BY, read_by)
        if reads != read_by:
            first_read = CARRIED_SHORT | (names_read(reads) or _NOTHING)
        news = {
            name: changed_ms
            for name in ({**state.attributes, **fact.attributes} if fact.full else fact.attributes)
            if attributes.get(name) != state.attributes.get(name) and name not in first_read and name != READ_BY
        }
        changed = {**changed, **news} if news else changed
    return msgspec.structs.replace(
        state,
        first_ms=min(state.first_ms or changed_ms, changed_ms),
        created_ms=changed_ms if fact.op is Operation.CREATED else state.created_ms,
        revived_ms=changed_ms if alive and not state.alive else state.revived_ms,
        changed=changed,
        vanished=_vanished(state, fact, attributes),
        kind=kind,
        kind_seq=kind_seq,
        attributes=attributes,
        base=base,
        seqs=seqs,
        alive=alive,
        life_seq=life_seq,
        restored_seq=max(state.restored_seq, fact.seq) if fact.op is Operation.RESTORED else state.restored_seq,
        seq=max(state.seq, fact.seq),
        changed_ms=changed_ms if newest else state.changed_ms,
        links_base=_links_base(state.links_base, fact),
        has_members=has_members,
        members_seq=members_seq,
    )


def _vanished(state: ObjectState, fact: Fact, attributes: Mapping[str, Any]) -> Mapping[str, Vanished]:
    """`vanished` after `fact`, which leaves `attributes` set. What the dead lose they have not been rid of."""
    if state.side != "ad":
        return state.vanished
    touched = FLOW_ATTRIBUTES & (fact.attributes.keys() | (state.attributes.keys() if fact.full else ()))
    found = state.vanished
    for name in touched:
        if name in attributes:
            if name in found:
                found = {each: word for each, word in found.items() if each != name}
            continue
        known, said = found.get(name, _NEVER), fact.attributes.get(name)
        told = (known.told, known.value)
        if name in state.attributes:
            told = max(told, (state.seqs.get(name, state.base), state.attributes[name]), key=_by_seq)
        if said is not None:
            told = max(told, (fact.seq, said), key=_by_seq)
        removed = name in fact.attributes and said is None and fact.op is not Operation.DELETED
        taken = fact.seq if removed else 0
        word = Vanished(told[0], max(known.taken, taken), told[1])
        if word not in (known, _NEVER):
            found = {**found, name: word}
    return found


_NEVER = Vanished(0, 0, None)


def _by_seq(told: tuple[int, Any]) -> int:
    return told[0]


def _members(state: ObjectState, fact: Fact) -> tuple[bool | None, int]:
    """`has_members` and `members_seq` after `fact`."""
    known = state.has_members, state.members_seq
    change = fact.links.get("member") or fact.links.get("members")
    if fact.seq < state.members_seq or (change is None and not (fact.full and fact.kind is ObjectKind.GROUP)):
        return known
    if change is None or (change.complete and not change.added):
        return False, fact.seq
    if change.added:
        return True, fact.seq
    return (None, fact.seq) if change.removed else known


def links_base_of(links_base: Mapping[str, int], attribute: str) -> int:
    """The seq below which nothing said about this linked attribute counts any more."""
    return links_base.get(attribute, links_base.get("*", 0))


def _links_base(before: Mapping[str, int], fact: Fact) -> dict[str, int]:
    after = dict(before)
    if fact.full:
        # Every attribute that the fact does not name has no links; one that it names in part keeps its base.
        for attribute in fact.links:
            after[attribute] = links_base_of(before, attribute)
        for attribute in [*before, "*"]:
            if attribute not in fact.links:
                after[attribute] = max(before.get(attribute, 0), fact.seq)
    for attribute, change in fact.links.items():
        if change.complete:
            after[attribute] = max(links_base_of(before, attribute), fact.seq)
    return after
