"""The scoping view: one AD object where groups decide who is synchronised, and which of them hold it.

Both engines may bring the direct members of groups alone; a member that is a group brings nobody of its own. The object
does not know its groups, so it is MEMBERSHIP_UNKNOWN wherever it speaks, which claims and lacks nothing, until this
view has told those places: that it is in, as soon as one of the groups says so; that it is left out, once every forest
was read whole, for only then is no word of a group a word.

Key: scoping/<tenant>/<objectGUID>@<forest>: all that object and group both know, contacts and computers included.
Contributors: "ad/<object>", the object itself, with the keys of the views where it speaks; "member/<group>" of each
scoping group that holds it, or has let it go.

Sources: Microsoft, "Customize an installation of Microsoft Entra Connect", sync filtering based on groups ("all objects
that you want to synchronize must be direct members of the group … nested group membership isn't resolved");
"Microsoft Entra Cloud Sync new agent configuration", scoping filters ("nested objects beyond the first level will not
be included"); Microsoft Graph, "filter resource type" (what no longer satisfies a filter is deprovisioned).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from streams.contracts.contributors import ContributorKind, kind_of_contributor, prefixes
from streams.contracts.view_keys import tenant_of
from streams.directory.party import MEMBERSHIP_UNKNOWN, Party
from streams.views.messages import AnyMessage, HeldByScopeGroup, LeftGroup, ScopeDecision, ScopedObject, written
from streams.views.view import Derived, Entry, latest

_OF_SCOPE = prefixes(ContributorKind.SCOPED, ContributorKind.UNSCOPED)
NOT_A_MEMBER = "no_member_of_a_scoping_group"
"""Why an object is not synchronised that none of the groups holds."""


class GroupScopeView(msgspec.Struct, frozen=True):
    """An object whose memberships decide.

    contributor: its name in every view. views: the views where it speaks.
    in_ms:   since when a scoping group holds it (ms), the first of those that do; None: none does.
    left_ms: when one last let it go (ms), as far as that is remembered; 0: none has.
    is_one:  it is a scoping group itself: whether it is synchronised with its members is not documented for Cloud Sync.
    """

    key: str
    tenant: str
    contributor: str
    views: tuple[str, ...]
    in_ms: int | None
    left_ms: int
    is_one: bool
    changed_ms: int

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Whether the object itself is there: of a member that is not synchronised, only groups contribute."""
        return any(kind_of_contributor(contributor) is ContributorKind.AD for contributor in entries)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        messages = {name: entry.message for name, entry in entries.items()}
        contributor, own = next(
            ((name, message) for name, message in messages.items() if isinstance(message, ScopedObject)),
            ("", ScopedObject()),
        )
        # Restoring the object brings no membership back, and its groups do not hear of its death.
        holding = [message for message in messages.values() if isinstance(message, HeldByScopeGroup)]
        return cls(
            key=key,
            tenant=tenant_of(key),
            contributor=contributor,
            views=tuple(own.views),
            in_ms=min((message.since_ms for message in holding if message.seq > own.restored_seq), default=None),
            left_ms=max(
                (message.left_ms for message in messages.values() if isinstance(message, LeftGroup)), default=0
            ),
            is_one=own.is_one,
            changed_ms=latest(entries),
        )

    def derived(self) -> Iterable[Derived]:
        """Whether the object is in scope, to each of its `views`."""
        if self.in_ms is not None:
            held = written(ScopeDecision(self.in_ms))
            return [Derived(view, ContributorKind.SCOPED.named(self.contributor), held) for view in self.views]
        if self.is_one:
            return ()
        left = written(ScopeDecision(self.left_ms))
        return [
            Derived(view, ContributorKind.UNSCOPED.named(self.contributor), left, once_read=True) for view in self.views
        ]


def scoped(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """The contributions to a view, with what memberships say of the objects that speak there; without those words."""
    if not [contributor for contributor in entries if contributor.startswith(_OF_SCOPE)]:
        return entries
    found: dict[str, Entry] = {}
    for contributor, entry in entries.items():
        if contributor.startswith(_OF_SCOPE):
            continue
        message = entry.message if kind_of_contributor(contributor) is ContributorKind.AD else None
        party = getattr(message, "party", None)
        if message is not None and isinstance(party, Party) and party.out_of_scope == MEMBERSHIP_UNKNOWN:
            # While a membership moves from one group to another both words may stand for a moment.
            if (in_ms := _moment_ms(entries, ContributorKind.SCOPED.named(contributor))) is not None:
                entry = entry.as_if(_as_member(message, party, in_ms), max(entry.changed_ms, in_ms))
            elif (out_ms := _moment_ms(entries, ContributorKind.UNSCOPED.named(contributor))) is not None:
                left_out: dict[str, Any] = {"party": replace(party, out_of_scope=NOT_A_MEMBER)}
                entry = entry.as_if(replace(message, **left_out), max(entry.changed_ms, out_ms))
        found[contributor] = entry
    return found


def _moment_ms(entries: Mapping[str, Entry], contributor: str) -> int | None:
    """Since when memberships say so (ms); None: they do not."""
    message = entries[contributor].message if contributor in entries else None
    return message.since_ms if isinstance(message, ScopeDecision) else None


def _as_member(message: AnyMessage, party: Party, since_ms: int) -> AnyMessage:
    """What an object in scope says, which takes part in synchronisation since then at the earliest."""
    changes: dict[str, Any] = {"party": replace(party, out_of_scope=None), "scoped_ms": since_ms}
    if stands_ms := getattr(message, "since_ms", 0):
        changes["since_ms"] = max(stands_ms, since_ms)
    return replace(message, **changes)
