"""Folds a fact into its object: attributes, links, and everything else that facts say of it.

DirSync and Graph delta are partial and may repeat or overtake themselves (a restarted source, a failed-over domain
controller). Everything that rules judge is therefore a register (streams.directory.registers): folding is commutative
and idempotent; any order, with any duplicates, ends in the same state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec.structs import replace

from streams.contracts.codec import decode, encode
from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.contracts.flows import CARRIED_SHORT, FLOW_ATTRIBUTES, READ_BY, names_read
from streams.directory.event_slots import remembered
from streams.directory.links import MEMBER, LinkRow, StoredLink, row_key
from streams.directory.registers import NO_STATEMENT, Register, RegisterMap, base_of, merge, merge_bases
from streams.directory.rows import Rows
from streams.directory.state import ObjectState, Vanished

_NEVER = Vanished(0, 0, None)
_NOTHING: frozenset[str] = frozenset()


def fold(state: ObjectState, fact: Fact) -> ObjectState:
    """`state` after `fact`; the argument is left as it was."""
    if fact.op is Operation.LOGGED:
        return replace(state, events=remembered(state.events, fact.events))
    seq = fact.seq
    attributes, seqs, base = RegisterMap(state.attributes, state.seqs, state.base).merge(
        RegisterMap.stated(fact.attributes, seq, complete=fact.full)
    )
    alive, life_seq = merge((state.alive, state.life_seq), (fact.op is not Operation.DELETED, seq))
    kind, kind_seq = merge((state.kind, state.kind_seq), (fact.kind, seq if fact.kind is not None else NO_STATEMENT))
    has_members, members_seq = merge((state.has_members, state.members_seq), _members_stated(fact))
    changed_ms = fact.changed_ms or fact.ts_ms
    return replace(
        state,
        attributes=attributes,
        seqs=seqs,
        base=base,
        alive=alive,
        life_seq=life_seq,
        kind=kind,
        kind_seq=kind_seq,
        has_members=has_members,
        members_seq=members_seq,
        restored_seq=max(state.restored_seq, seq) if fact.op is Operation.RESTORED else state.restored_seq,
        links_base=merge_bases(state.links_base, _bases_stated(fact)) if fact.full or fact.links else state.links_base,
        vanished=_vanished(state, fact, attributes),
        seq=max(state.seq, seq),
        # When things changed, as far as we saw it: facts that overtake each other may leave it a little off.
        first_ms=min(state.first_ms or changed_ms, changed_ms),
        created_ms=changed_ms if fact.op is Operation.CREATED else state.created_ms,
        revived_ms=changed_ms if alive and not state.alive else state.revived_ms,
        changed_ms=changed_ms if seq >= state.seq else state.changed_ms,
        changed=_changed(state, fact, attributes, changed_ms) if state.seq else state.changed,
    )


def _members_stated(fact: Fact) -> Register[bool | None]:
    """What a fact says of whether the group has members: see ObjectState.has_members."""
    change = (fact.links.get("member") or fact.links.get("members")) if fact.links else None
    if change is None:
        return (False, fact.seq if fact.full and fact.kind is ObjectKind.GROUP else NO_STATEMENT)
    if change.added:
        return (True, fact.seq)
    if change.complete:
        return (False, fact.seq)
    return (None, fact.seq if change.removed else NO_STATEMENT)


def _bases_stated(fact: Fact) -> dict[str, int]:
    """Linked attribute -> below which seq nothing counts any more. A complete fact says of every attribute that it
    does not name that it has no links; one that it names in part keeps its base.
    """
    bases = {"*": fact.seq} if fact.full else {}
    for attribute, change in fact.links.items():
        if change.complete or fact.full:
            bases[attribute] = fact.seq if change.complete else 0
    return bases


def _vanished(state: ObjectState, fact: Fact, attributes: Mapping[str, Any]) -> Mapping[str, Vanished]:
    """`vanished` after `fact`, which leaves `attributes` set. What a deletion strips was not cleared by anybody."""
    if state.side != "ad":
        return state.vanished
    found = state.vanished
    for name in FLOW_ATTRIBUTES & (fact.attributes.keys() | (state.attributes.keys() if fact.full else ())):
        if name in attributes:
            if name in found:
                found = {each: vanished for each, vanished in found.items() if each != name}
            continue
        stored, stated = found.get(name, _NEVER), fact.attributes.get(name)
        last = (stated, fact.seq if stated is not None else NO_STATEMENT)
        if name in state.attributes:
            last = merge(last, (state.attributes[name], state.seqs.get(name, state.base)))
        last = merge(last, (stored.value, stored.told))
        removed = name in fact.attributes and stated is None and fact.op is not Operation.DELETED
        after = Vanished(last[1], max(stored.taken, fact.seq if removed else 0), last[0])
        if after not in (stored, _NEVER):
            found = {**found, name: after}
    return found


def _changed(state: ObjectState, fact: Fact, attributes: Mapping[str, Any], moment_ms: int) -> Mapping[str, int]:
    """Attribute -> when it last changed, after a fact that is not the object's first: that one shows what is there."""
    # What is asked for the first time was there before.
    read_by = state.attributes.get(READ_BY)
    first_read, reads = _NOTHING, fact.attributes.get(READ_BY, read_by)
    if reads != read_by:
        first_read = CARRIED_SHORT | (names_read(reads) or _NOTHING)
    news = {
        name: moment_ms
        for name in ({**state.attributes, **fact.attributes} if fact.full else fact.attributes)
        if attributes.get(name) != state.attributes.get(name) and name not in first_read and name != READ_BY
    }
    return {**state.changed, **news} if news else state.changed


def fold_links(state: ObjectState, buckets: list[str], fact: Fact, rows: Rows) -> tuple[list[str], dict[str, int]]:
    """Apply the fact's links to the rows. Returns the object's buckets, and its members by bucket, afterwards.

    state:   the object with the fact folded in: its `links_base` says what has been replaced.
    buckets: those that exist so far.
    """
    members = dict(state.member_counts)
    by_bucket: dict[str, list[tuple[str, str, bool, str | None]]] = {}
    for attribute, change in fact.links.items():
        for stands, links in ((True, change.added), (False, change.removed)):
            for link in links:
                by_bucket.setdefault(link.id[:2], []).append((attribute, link.id, stands, link.sid))
    replacing = fact.full or any(change.complete for change in fact.links.values())
    for bucket in sorted(set(by_bucket) | set(buckets if replacing else ())):
        key = row_key(state, bucket)
        raw = rows.get(key)
        row = decode(raw, LinkRow) if raw else LinkRow()
        _merge_links(row, state, fact, by_bucket.get(bucket, ()))
        _drop_replaced(row, state, fact, by_bucket.get(bucket, ()))
        encoded = encode(row) if any(row.links.values()) else None
        if encoded != raw:
            rows.put(key, encoded)
        # Counted anew with each row that is touched, never added up: a replay after a crash counts the same.
        members[bucket] = sum(link.stands for link in row.links.get(MEMBER, {}).values())
    return sorted(set(buckets) | set(by_bucket)), {bucket: number for bucket, number in members.items() if number}


_Links = Collection[tuple[str, str, bool, str | None]]
"""(attribute, far end, whether it stands, SID of the far end) of what a fact says."""


def _merge_links(row: LinkRow, state: ObjectState, fact: Fact, links: _Links) -> None:
    """Each link is a register: the newer statement stands."""
    moment_ms = fact.changed_ms or fact.ts_ms
    for attribute, far_end, stands, sid in links:
        if fact.seq < base_of(state.links_base, attribute):
            continue
        stored = row.links.setdefault(attribute, {})
        before = stored.get(far_end)
        if before is None:
            stored[far_end] = StoredLink(fact.seq, stands, sid, moment_ms)
        elif fact.seq >= before.seq:
            repeated = fact.seq == before.seq or fact.links[attribute].complete
            since_ms = before.since_ms if stands is before.stands and repeated else moment_ms
            stored[far_end] = StoredLink(fact.seq, stands, sid or before.sid, since_ms)


def _drop_replaced(row: LinkRow, state: ObjectState, fact: Fact, links: _Links) -> None:
    """What a complete statement replaced is forgotten: the base remembers that it stands no more."""
    for attribute, stored in row.links.items():
        base = base_of(state.links_base, attribute)
        # Numbers that were lowered to their arrival's may be equal (streams.agents.plausible): the log's order decides.
        change, named = fact.links.get(attribute), {far_end for name, far_end, *_ in links if name == attribute}
        replaces = fact.seq == base and (fact.full if change is None else change.complete)
        for far_end in [
            far_end
            for far_end, link in stored.items()
            if link.seq < base or (replaces and link.seq == base and far_end not in named)
        ]:
            del stored[far_end]
