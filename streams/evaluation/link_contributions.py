"""Contributions of an object to the views of those that it is linked to: members and managers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from streams.contracts import view_keys
from streams.contracts.contributors import link as link_name
from streams.contracts.facts import Fact, Operation
from streams.contracts.view_keys import ViewKind, kind_of
from streams.contracts.views import RETRACTED, Contribution
from streams.directory.fold import fold_links
from streams.directory.links import MEMBER, standing_links
from streams.directory.rows import Rows
from streams.directory.scope import Scope
from streams.directory.state import ObjectState, identity_of
from streams.views.contributions import left_message, referrer_message, scoping_message
from streams.views.membership.membership_view import GROUP_LINKS, LEFT_REMEMBERED_MS, cloud_link_message, never_synced
from streams.views.messages import Message, written

LinkMessages = Mapping[str, Message]
"""Kind of view -> the message of an object to every view of that kind to which it is linked, without the fields of the
link itself."""

_Links = dict[tuple[str, str], dict[str, int]]
"""(view of the far end, attribute) -> the fields of the message that depend on this one link."""


def is_repeated(fact: Fact) -> bool:
    """Whether contributions are sent even if unchanged: after a full reading, as earlier ones may be lost."""
    return fact.op is Operation.READ and fact.full


def link_contributions(
    before: ObjectState, after: ObjectState, fact: Fact, scope: Scope, rows: Rows
) -> list[Contribution]:
    """Contributions to the views of linked objects. Updates the link rows, and sets `link_buckets` and `member_counts`
    of `after`, which is `before` with the fact folded in.
    """
    if not before.link_buckets and (not fact.links or never_synced(after)):
        return []
    previous, current = link_messages(before, scope), link_messages(after, scope)
    if not fact.links and not (fact.full and before.link_buckets) and previous == current:
        return []
    affected = _affected(before, fact, everything=previous != current)
    old = link_fields(after, previous, affected.before, rows)
    after.link_buckets, after.member_counts = fold_links(after, before.link_buckets, fact, rows)
    new = link_fields(after, current, after.link_buckets if affected.everything else affected.named, rows)
    contributions = [
        _left(after, view, attribute, current, fact) for view, attribute in old if (view, attribute) not in new
    ]
    for (view, attribute), link in new.items():
        if previous != current or old.get((view, attribute)) != link or is_repeated(fact):
            contributions.append(_contribution(after, view, attribute, replace(current[kind_of(view)], **link)))
    return contributions


class _Affected(NamedTuple):
    """Which link rows a fact may change. named: those of the links in it; before: those that exist already;
    everything: whether all rows may change.
    """

    named: list[str]
    before: list[str]
    everything: bool


def _affected(before: ObjectState, fact: Fact, *, everything: bool) -> _Affected:
    """everything: whether what is told of each link has changed. Only rows that may change are read."""
    named = sorted({link.id[:2] for change in fact.links.values() for link in (*change.added, *change.removed)})
    if everything or fact.full or any(change.complete for change in fact.links.values()):
        return _Affected(named, before.link_buckets, everything=True)
    return _Affected(named, [bucket for bucket in before.link_buckets if bucket in named], everything=False)


def _left(after: ObjectState, view: str, attribute: str, current: LinkMessages, fact: Fact) -> Contribution:
    """That a link is removed: a retraction; for former members of groups a LeftGroup that expires."""
    message, kind = None, kind_of(view)
    if kind in current and attribute in GROUP_LINKS:
        message = left_message(after, current[kind], fact.changed_ms or fact.ts_ms)
    return _contribution(
        after, view, attribute, message, message.left_ms + LEFT_REMEMBERED_MS if message is not None else 0
    )


def _contribution(
    after: ObjectState, view: str, attribute: str, message: Message | None, expires_ms: int = 0
) -> Contribution:
    return Contribution(
        view=view,
        contributor=link_name(attribute, after.identity),
        seq=after.seq,
        changed_ms=after.changed_ms,
        body=written(message) if message is not None else RETRACTED,
        expires_ms=expires_ms,
    )


def link_messages(state: ObjectState, scope: Scope) -> LinkMessages:
    """The messages of the object to its far ends; without the kinds of views in which its links do not count."""
    if state.side == "ad":
        messages: dict[str, Message | None] = {
            ViewKind.REFERENCE: referrer_message(state, scope),
            ViewKind.SCOPING: scoping_message(state, scope),
        }
    else:
        messages = {ViewKind.MEMBERSHIP: cloud_link_message(state)}
    return {kind: message for kind, message in messages.items() if message is not None}


def link_fields(state: ObjectState, messages: LinkMessages, buckets: Iterable[str], rows: Rows) -> _Links:
    """The fields of each standing link. messages: links to views of other kinds than these are left out."""
    found: _Links = {}
    for link in standing_links(state, buckets if messages else (), rows):
        if ViewKind.MEMBERSHIP in messages:
            found[view_keys.membership(state.tenant, link.far_end), link.attribute] = {"since_ms": link.since_ms}
            continue
        body = {"seq": link.seq, "since_ms": link.since_ms}
        if ViewKind.REFERENCE in messages and link.sid:
            found[view_keys.reference(state.tenant, link.sid), link.attribute] = body
        if ViewKind.SCOPING in messages and link.attribute == MEMBER:
            found[view_keys.scoping(state.tenant, identity_of(link.far_end, state.forest)), link.attribute] = body
    return found
