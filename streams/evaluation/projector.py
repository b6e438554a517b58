"""Facts in, contributions out: fold a fact into its object, tell each view what changed for it.

A view that the object has left gets a retraction. Derived data are told before the new state is stored, so a
crash in between repeats the telling and never skips it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from streams.contracts import view_keys
from streams.contracts.contributors import link as link_name
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.contracts.view_keys import ViewKind, kind_of
from streams.contracts.views import Contribution
from streams.directory.authority import cloud_managed
from streams.directory.fold import fold, fold_links
from streams.directory.links import MEMBER, row_key, standing_links
from streams.directory.matching import own_view_key
from streams.directory.object_row import load_objects, object_row, state_key
from streams.directory.rows import Rows
from streams.directory.scope import Scope, scope_of
from streams.directory.state import ObjectState, identity_of, new_state
from streams.evaluation.forgetting import forget_events_of, forget_links_to, naming
from streams.views.contributions import (
    contributions_of,
    contributor_of,
    left_body,
    referrer_body,
    remembered_ms,
    scoping_body,
)
from streams.views.event_contributions import words_of
from streams.views.membership.membership_view import GROUP_LINKS, LEFT_REMEMBERED_MS, cloud_link_body, never_synced


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
        known = load_objects(raw)
        contributions: list[Contribution] = []
        for place in meant(known, origin, fact):
            before = known[place]
            known[place], said = self._apply(before, fact, rows)
            contributions += said
        encoded = object_row(known)
        if encoded != raw:
            rows.put(key, encoded)
        return contributions

    def _apply(self, before: ObjectState, fact: Fact, rows: Rows) -> tuple[ObjectState, list[Contribution]]:
        after = fold(before, fact)
        scope = scope_of(self._scopes, after.tenant, after.forest)
        link_contributions = _link_contributions(before, after, fact, scope, rows)
        contributions = _event_contributions(before, after)
        # A group may begin to speak of its writeback because a log tells of it; any object, of who has the say.
        if (
            fact.op is not Operation.LOGGED
            or after.kind is ObjectKind.GROUP
            or cloud_managed(before) is not cloud_managed(after)
        ):
            contributions += self._object_contributions(before, after, scope, again=_again(fact))
        return after, contributions + link_contributions

    def forget(
        self, ids: Collection[str], rows: Rows, *, even_living: bool = False, words: Collection[str] = ()
    ) -> tuple[list[Contribution], bool]:
        """Drop these objects, if they are dead or were never more than named by a log, all links to them, and events
        that hold one of `words`. Returns what is taken back, and whether one of the objects was here.
        """
        said: list[Contribution] = []
        dead, found = set(ids), False
        for object_id in ids:
            kept = []
            for state in load_objects(rows.get(state_key(object_id))):
                if state.alive and state.seq and not even_living:
                    dead.discard(object_id)
                    kept.append(state)
                else:
                    said += self._taken_back(state, rows)
                    for bucket in state.link_buckets:
                        rows.put(row_key(state, bucket), None)
                    found = True
            if found:
                rows.put(state_key(object_id), object_row(kept))
        if words:
            forget_events_of(naming(words), rows)
        return said + forget_links_to(dead, rows, self._decides), found

    def _decides(self, group: ObjectState) -> bool:
        """Whether memberships in this group decide who is in scope."""
        return scope_of(self._scopes, group.tenant, group.forest).scopes(group)

    def _taken_back(self, state: ObjectState, rows: Rows) -> list[Contribution]:
        """Everything that an object has said, as its retraction."""
        scope = scope_of(self._scopes, state.tenant, state.forest)
        told = [(view, contributor_of(state)) for view in contributions_of(state, scope)]
        linked = _words(state, _link_bodies(state, scope), state.link_buckets, rows)
        told += [(view, link_name(attribute, state.identity)) for view, attribute in linked]
        return [
            Contribution(view=view, contributor=contributor, seq=state.seq, changed_ms=state.changed_ms)
            for view, contributor in told
        ]

    def _object_contributions(
        self, before: ObjectState, after: ObjectState, scope: Scope, *, again: bool
    ) -> list[Contribution]:
        told = contributions_of(before, scope)
        telling = contributions_of(after, scope)
        contributor = contributor_of(after)
        changes: list[tuple[str, dict[str, Any] | None]] = [(view, None) for view in told if view not in telling]
        changes += [(view, body) for view, body in telling.items() if again or told.get(view) != body]
        return [
            Contribution(
                view=view,
                contributor=contributor,
                seq=after.seq,
                changed_ms=after.changed_ms,
                body=body,
                expires_ms=after.changed_ms + remembered_ms(after) if body and body.get("deleted") else 0,
            )
            for view, body in changes
        ]


def _again(fact: Fact) -> bool:
    """A full reading is told to views whether they know it or not: what was told may have been lost on the way."""
    return fact.op is Operation.READ and fact.full


def _link_contributions(
    before: ObjectState, after: ObjectState, fact: Fact, scope: Scope, rows: Rows
) -> list[Contribution]:
    """What the far ends of the object's links get to hear; the rows, and what `after` knows of them, follow."""
    if not before.link_buckets and (not fact.links or never_synced(after)):
        return []
    told, telling = _link_bodies(before, scope), _link_bodies(after, scope)
    if not fact.links and not (fact.full and before.link_buckets) and told == telling:
        return []
    # Who is told depends on the rows before and after; only rows that may change are read.
    affected = {link.id[:2] for change in fact.links.values() for link in (*change.added, *change.removed)}
    everything = told != telling or fact.full or any(change.complete for change in fact.links.values())
    known = before.link_buckets if everything else [bucket for bucket in before.link_buckets if bucket in affected]
    old = _words(after, told, known, rows)
    after.link_buckets, after.member_counts = fold_links(after, before.link_buckets, fact, rows)
    again = after.link_buckets if everything else sorted(affected)
    new = _words(after, telling, again, rows)
    said: list[Contribution] = []
    for (view, attribute), word in {**old, **new}.items():
        body, expires_ms, kind = None, 0, kind_of(view)
        if (view, attribute) in new:
            if told == telling and old.get((view, attribute)) == word and not _again(fact):
                continue
            body = telling[kind] | word
        elif kind in telling and attribute in GROUP_LINKS:
            body = left_body(after, telling[kind], fact.changed_ms or fact.ts_ms)
            expires_ms = body["left_ms"] + LEFT_REMEMBERED_MS if body is not None else 0
        said.append(
            Contribution(
                view=view,
                contributor=link_name(attribute, after.identity),
                seq=after.seq,
                changed_ms=after.changed_ms,
                body=body,
                expires_ms=expires_ms,
            )
        )
    return said


_Bodies = Mapping[str, dict[str, Any]]


def _link_bodies(state: ObjectState, scope: Scope) -> _Bodies:
    """Kind of view -> what the object says to its far ends there; without those where its links do not count."""
    if state.side == "ad":
        said = {ViewKind.REFERENCE: referrer_body(state, scope), ViewKind.SCOPING: scoping_body(state, scope)}
    else:
        said = {ViewKind.MEMBERSHIP: cloud_link_body(state)}
    return {kind: body for kind, body in said.items() if body is not None}


def _words(
    state: ObjectState, bodies: _Bodies, buckets: Iterable[str], rows: Rows
) -> dict[tuple[str, str], dict[str, int]]:
    """(view of the far end, attribute) -> what is said there of this one link; bodies: the kinds of views that hear."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for link in standing_links(state, buckets if bodies else (), rows):
        if ViewKind.MEMBERSHIP in bodies:
            found[view_keys.membership(state.tenant, link.far_end), link.attribute] = {"since_ms": link.since_ms}
            continue
        word = {"seq": link.seq, "since_ms": link.since_ms}
        if ViewKind.REFERENCE in bodies and link.sid:
            found[view_keys.reference(state.tenant, link.sid), link.attribute] = word
        if ViewKind.SCOPING in bodies and link.attribute == MEMBER:
            found[view_keys.scoping(state.tenant, identity_of(link.far_end, state.forest)), link.attribute] = word
    return found


def _event_contributions(before: ObjectState, after: ObjectState) -> list[Contribution]:
    """What an object's log says to its own view: news, and everything where the object has come to another view."""
    if not (before.events or after.events):
        return []
    old, new = own_view_key(before), own_view_key(after)
    taken_back = {} if old in (None, new) else before.events
    news = after.events
    if old == new:
        news = {slot: event for slot, event in after.events.items() if before.events.get(slot) != event}
    said = [replace(word, body=None) for word in words_of(old or "", before.identity, taken_back)]
    return said + (words_of(new, after.identity, news) if new is not None else [])


def meant(known: list[ObjectState], origin: Origin, fact: Fact) -> list[int]:
    """The places in `known` of those that a fact is about; one that it is the first to speak of is put there.

    A GUID is unique within its forest: a cloned machine or a restored directory brings it a second time. A log knows
    the tenant and not the forest: it means every object of that id, and may name it before its forest does.
    """
    own = [place for place, state in enumerate(known) if state.tenant == origin.tenant]
    if origin.forest is not None or not own:
        same = [place for place in own if known[place].forest in (origin.forest, None)]
        if not same:
            new = replace(new_state(origin, fact.object_id), namesake=bool(known))
            known.append(replace(new, events=known[own[0]].events) if own else new)
            return [len(known) - 1]
        own = same[:1]
        known[own[0]] = replace(known[own[0]], forest=origin.forest)
    return own
