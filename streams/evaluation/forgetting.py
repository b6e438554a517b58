"""Removes rows that are needed no more: of objects and links deleted long ago, and events that no view keeps.

Level-triggered: a sweep looks at the rows as they are, so that no restart and no lost order leaves anything behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from msgspec.structs import replace

from streams.contracts import view_keys
from streams.contracts.codec import decode, encode
from streams.contracts.contributors import link as link_name
from streams.contracts.events import Event
from streams.contracts.views import Contribution
from streams.directory.event_slots import is_remembered
from streams.directory.links import MEMBER, LinkRow, row_key
from streams.directory.object_row import OBJECT, load_objects, object_row, state_key
from streams.directory.rows import Rows
from streams.directory.state import ObjectState, identity_of
from streams.views.contributions import remembered_ms

LINK = "link/"
SHORTEST_WORD = 5
MOST_AT_ONCE = 1_000
"""Rows that one sweep changes, and objects that it orders to be forgotten: the next one goes on."""


class ForgettingPass:
    """One look at every row of a projection's partition.

    now_ms: the broker's time. due: ids of objects that have been dead for `forget_after_ms`, and for longer than any
    view remembers them.
    """

    def __init__(self, rows: Rows, now_ms: int, forget_after_ms: int) -> None:
        self.due: list[str] = []
        self._rows = rows
        self._now_ms = now_ms
        self._forget_after_ms = forget_after_ms
        self._changed = 0

    def run(self) -> Iterator[None]:
        """Look at every row, or until MOST_AT_ONCE are changed or due; yields after each, for other tasks."""
        for prefix, look in ((OBJECT, self._object), (LINK, self._links)):
            for key, raw in self._rows.items(prefix):
                if self._changed + len(self.due) >= MOST_AT_ONCE:
                    return
                look(key, raw)
                yield

    def _object(self, key: str, raw: bytes) -> None:
        if b'"alive":false' not in raw and b'"events":' not in raw:
            return  # most rows: not worth decoding
        stored = load_objects(raw)
        # A clone goes with the last that bears its id: what holds a link to it knows the id alone.
        if all(self._is_due(state) for state in stored):
            self.due.append(stored[0].object_id)
            return
        after = _without_events(stored, lambda slot, event: not is_remembered(slot, event, self._now_ms))
        if after != stored:
            self._put(key, object_row(after))

    def _is_due(self, state: ObjectState) -> bool:
        until_ms = state.changed_ms + max(self._forget_after_ms, remembered_ms(state))
        return not state.alive and until_ms <= self._now_ms

    def _links(self, key: str, raw: bytes) -> None:
        if b",false," not in raw:
            return
        row, before_ms = decode(raw, LinkRow), self._now_ms - self._forget_after_ms
        ended = [
            (stored, far_end)
            for stored in row.links.values()
            for far_end, link in stored.items()
            if not link.stands and link.since_ms <= before_ms
        ]
        for stored, far_end in ended:
            del stored[far_end]
        if ended:
            self._put(key, encode(row) if any(row.links.values()) else None)

    def _put(self, key: str, value: bytes | None) -> None:
        self._rows.put(key, value)
        self._changed += 1


def naming(words: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text holds one of these words (addresses, GUIDs …) whole, in any case."""
    wanted = sorted({re.escape(word) for word in words if len(word) >= SHORTEST_WORD})
    if not wanted:
        return lambda _text: False
    pattern = re.compile(f"(?<![\\w.@+-])(?:{'|'.join(wanted)})(?![\\w@-])", re.IGNORECASE)
    return lambda text: pattern.search(text) is not None


def forget_events_of(names: Callable[[str], bool], rows: Rows) -> None:
    """Drop the events that are about somebody whom `names` matches, or were initiated by one."""
    for key, raw in rows.items(OBJECT):
        if b'"events":' not in raw or not names(raw.decode()):
            continue
        stored = load_objects(raw)
        after = _without_events(stored, lambda _slot, event: names(encode(event).decode()))
        if after != stored:
            rows.put(key, object_row(after))


def _without_events(stored: Iterable[ObjectState], drops: Callable[[str, Event], bool]) -> list[ObjectState]:
    """The objects without these events; of what only logs have named, nothing but the events is known."""
    found = []
    for state in stored:
        events = {slot: event for slot, event in state.events.items() if not drops(slot, event)}
        if events or state.seq:
            found.append(replace(state, events=events) if len(events) < len(state.events) else state)
    return found


def forget_links_to(ids: Collection[str], rows: Rows, scopes: Callable[[ObjectState], bool]) -> list[Contribution]:
    """Drop every link of this partition's objects to these far ends; what takes back that they were told of.

    A directory drops the links to what it deletes, and reports no change of the linking object.
    scopes: whether a group decides who is in scope.
    """
    emitted: list[Contribution] = []
    buckets = {object_id[:2] for object_id in ids}
    for key, raw in rows.items(LINK):
        owner_name, _, bucket = key.removeprefix(LINK).rpartition("/")
        if bucket not in buckets:
            continue
        row, found = decode(raw, LinkRow), []
        for attribute, stored in row.links.items():
            found += [(attribute, far_end, stored.pop(far_end)) for far_end in ids if far_end in stored]
        if not found:
            continue
        rows.put(key, encode(row) if any(row.links.values()) else None)
        owner_key = state_key(owner_name.partition("@")[0])
        owners = load_objects(rows.get(owner_key))
        place = next((place for place, state in enumerate(owners) if row_key(state, bucket) == key), None)
        if place is None:
            continue
        owner = owners[place]
        members = sum(link.stands for link in row.links.get(MEMBER, {}).values())
        counts = {name: number for name, number in (owner.member_counts | {bucket: members}).items() if number}
        if counts != owner.member_counts:
            owners[place] = replace(owner, member_counts=counts)
            rows.put(owner_key, object_row(owners))
        for attribute, far_end, link in found:
            views = []
            if owner.side == "entra":
                views.append(view_keys.membership(owner.tenant, far_end))
            elif attribute == MEMBER and scopes(owner):
                views.append(view_keys.scoping(owner.tenant, identity_of(far_end, owner.forest)))
            if owner.side == "ad" and link.sid:
                views.append(view_keys.reference(owner.tenant, link.sid))
            contributor = link_name(attribute, owner.identity)
            emitted += [
                Contribution(view=view, contributor=contributor, seq=owner.seq, changed_ms=owner.changed_ms)
                for view in views
            ]
    return emitted
