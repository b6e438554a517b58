"""Facts in, contributions out: fold a fact into its object, and emit what changed to each view.

A view that the object has left gets a retraction. Contributions are emitted before the new state is stored, so a
crash in between repeats them and never skips one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from streams.contracts.contributors import link as link_name
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.contracts.views import RETRACTED, Contribution
from streams.directory.authority import cloud_managed
from streams.directory.fold import fold
from streams.directory.links import row_key
from streams.directory.matching import own_view_key
from streams.directory.object_row import load_objects, object_row, state_key
from streams.directory.rows import Rows
from streams.directory.scope import Scope, scope_of
from streams.directory.state import ObjectState, new_state
from streams.evaluation.forgetting import forget_events_of, forget_links_to, naming
from streams.evaluation.link_contributions import is_repeated, link_contributions, link_fields, link_messages
from streams.views.contributions import (
    contributor_of,
    remembered_ms,
    statements_of,
)
from streams.views.event_contributions import messages_of
from streams.views.messages import Message, written


class Projector:
    """`scopes`: see `scope_of`."""

    def __init__(self, scopes: Mapping[str, Scope]) -> None:
        self._scopes = scopes

    def row_keys(self, facts: Iterable[Fact]) -> list[str]:
        """The rows that `apply` will surely read, for one bulk read beforehand."""
        return [state_key(fact.object_id) for fact in facts]

    def apply(self, origin: Origin, fact: Fact, rows: Rows) -> list[Contribution]:
        """Fold one fact; the contributions that follow, retractions included.

        Raises InvalidRecordError if a stored row cannot be read.
        """
        key = state_key(fact.object_id)
        raw = rows.get(key)
        stored = load_objects(raw)
        contributions: list[Contribution] = []
        for place in meant(stored, origin, fact):
            before = stored[place]
            stored[place], emitted = self._apply(before, fact, rows)
            contributions += emitted
        encoded = object_row(stored)
        if encoded != raw:
            rows.put(key, encoded)
        return contributions

    def _apply(self, before: ObjectState, fact: Fact, rows: Rows) -> tuple[ObjectState, list[Contribution]]:
        after = fold(before, fact)
        scope = scope_of(self._scopes, after.tenant, after.forest)
        to_linked = link_contributions(before, after, fact, scope, rows)
        contributions = _event_contributions(before, after)
        # A group may begin to speak of its writeback because a log tells of it; any object, of who has the say.
        if (
            fact.op is not Operation.LOGGED
            or after.kind is ObjectKind.GROUP
            or cloud_managed(before) is not cloud_managed(after)
        ):
            contributions += self._object_contributions(before, after, scope, again=is_repeated(fact))
        return after, contributions + to_linked

    def forget(
        self, ids: Collection[str], rows: Rows, *, even_living: bool = False, words: Collection[str] = ()
    ) -> tuple[list[Contribution], bool]:
        """Drop these objects, if they are dead or were never more than named by a log, all links to them, and events
        that hold one of `words`. Returns what is taken back, and whether one of the objects was here.
        """
        emitted: list[Contribution] = []
        dead, found = set(ids), False
        for object_id in ids:
            kept = []
            for state in load_objects(rows.get(state_key(object_id))):
                if state.alive and state.seq and not even_living:
                    dead.discard(object_id)
                    kept.append(state)
                else:
                    emitted += self._taken_back(state, rows)
                    for bucket in state.link_buckets:
                        rows.put(row_key(state, bucket), None)
                    found = True
            if found:
                rows.put(state_key(object_id), object_row(kept))
        if words:
            forget_events_of(naming(words), rows)
        return emitted + forget_links_to(dead, rows, self._decides), found

    def _decides(self, group: ObjectState) -> bool:
        """Whether memberships in this group decide who is in scope."""
        return scope_of(self._scopes, group.tenant, group.forest).scopes(group)

    def _taken_back(self, state: ObjectState, rows: Rows) -> list[Contribution]:
        """Retractions of everything that an object has contributed."""
        scope = scope_of(self._scopes, state.tenant, state.forest)
        previous = [(view, contributor_of(state)) for view in statements_of(state, scope)]
        linked = link_fields(state, link_messages(state, scope), state.link_buckets, rows)
        previous += [(view, link_name(attribute, state.identity)) for view, attribute in linked]
        return [
            Contribution(view=view, contributor=contributor, seq=state.seq, changed_ms=state.changed_ms)
            for view, contributor in previous
        ]

    def _object_contributions(
        self, before: ObjectState, after: ObjectState, scope: Scope, *, again: bool
    ) -> list[Contribution]:
        previous, current = statements_of(before, scope), statements_of(after, scope)
        contributor = contributor_of(after)
        changes: list[tuple[str, Message | None]] = [(view, None) for view in previous if view not in current]
        changes += [(view, message) for view, message in current.items() if again or previous.get(view) != message]
        forgotten_ms = after.changed_ms + remembered_ms(after)
        return [
            Contribution(
                view=view,
                contributor=contributor,
                seq=after.seq,
                changed_ms=after.changed_ms,
                body=written(message) if message is not None else RETRACTED,
                expires_ms=forgotten_ms if getattr(message, "deleted", False) else 0,
            )
            for view, message in changes
        ]


def _event_contributions(before: ObjectState, after: ObjectState) -> list[Contribution]:
    """What an object's log says to its own view: news, and everything where the object has come to another view."""
    if not (before.events or after.events):
        return []
    old, new = own_view_key(before), own_view_key(after)
    taken_back = {} if old in (None, new) else before.events
    news = after.events
    if old == new:
        news = {slot: event for slot, event in after.events.items() if before.events.get(slot) != event}
    emitted = [replace(each, body=RETRACTED) for each in messages_of(old or "", before.identity, taken_back)]
    return emitted + (messages_of(new, after.identity, news) if new is not None else [])


def meant(stored: list[ObjectState], origin: Origin, fact: Fact) -> list[int]:
    """The places in `stored` of those that a fact is about; one that it is the first to speak of is put there.

    A GUID is unique within its forest: a cloned machine or a restored directory brings it a second time. A log knows
    the tenant and not the forest: it means every object of that id, and may name it before its forest does.
    """
    own = [place for place, state in enumerate(stored) if state.tenant == origin.tenant]
    if origin.forest is not None or not own:
        same = [place for place in own if stored[place].forest in (origin.forest, None)]
        if not same:
            new = replace(new_state(origin, fact.object_id), namesake=bool(stored))
            stored.append(replace(new, events=stored[own[0]].events) if own else new)
            return [len(stored) - 1]
        own = same[:1]
        stored[own[0]] = replace(stored[own[0]], forest=origin.forest)
    return own
