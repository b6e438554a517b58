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
from dataclasses import dataclass, replace
from typing import Any, Self

from streams.contracts.contributors import Speaker, prefixes, speaker_of
from streams.contracts.view_keys import tenant_of
from streams.directory.party import MEMBERSHIP_UNKNOWN
from streams.views.messages import HeldByScopeGroup, LeftGroup, ScopedObject, ScopeWord, read, written
from streams.views.view import Derived, Entry, latest

_OF_SCOPE = prefixes(Speaker.SCOPED, Speaker.UNSCOPED)
NOT_A_MEMBER = "no_member_of_a_scoping_group"
"""Why an object is not synchronised that none of the groups holds."""


@dataclass(frozen=True, slots=True)
class GroupScopeView:
    """An object whose memberships decide.

    contributor: its name in every view. told: the views where it speaks.
    in_ms:   since when a scoping group holds it (ms), the first of those that do; None: none does.
    left_ms: when one last let it go (ms), as far as that is remembered; 0: none has.
    is_one:  it is a scoping group itself: whether it is synchronised with its members is not documented for Cloud Sync.
    """

    key: str
    tenant: str
    contributor: str
    told: tuple[str, ...]
    in_ms: int | None
    left_ms: int
    is_one: bool
    changed_ms: int

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """The object is there. Of a member that is none of ours, only groups speak."""
        return any(speaker_of(contributor) is Speaker.AD for contributor in entries)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        told = {name: read(key, name, entry.body) for name, entry in entries.items()}
        contributor, own = next(
            ((name, said) for name, said in told.items() if isinstance(said, ScopedObject)), ("", ScopedObject())
        )
        # Restoring the object brings no membership back, and its groups do not hear of its death.
        holding = [said for said in told.values() if isinstance(said, HeldByScopeGroup)]
        return cls(
            key=key,
            tenant=tenant_of(key),
            contributor=contributor,
            told=tuple(own.views),
            in_ms=min((said.since_ms for said in holding if said.seq > own.restored_seq), default=None),
            left_ms=max((said.left_ms for said in told.values() if isinstance(said, LeftGroup)), default=0),
            is_one=own.is_one,
            changed_ms=latest(entries),
        )

    def derived(self) -> Iterable[Derived]:
        """Tell every view where the object speaks whether it is in scope."""
        if self.in_ms is not None:
            return [
                Derived(view, Speaker.SCOPED.named(self.contributor), {"since_ms": self.in_ms}) for view in self.told
            ]
        if self.is_one:
            return ()
        left = written(ScopeWord(self.left_ms))
        return [Derived(view, Speaker.UNSCOPED.named(self.contributor), left, once_read=True) for view in self.told]


def scoped(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """The contributions to a view, with what memberships say of the objects that speak there; without those words."""
    if not any(contributor.startswith(_OF_SCOPE) for contributor in entries):
        return entries
    found: dict[str, Entry] = {}
    for contributor, entry in entries.items():
        if contributor.startswith(_OF_SCOPE):
            continue
        party = entry.body.get("party")
        if speaker_of(contributor) is Speaker.AD and party and party.get("out_of_scope") == MEMBERSHIP_UNKNOWN:
            # While a membership moves from one group to another both words may stand for a moment.
            member, other = (
                entries.get(Speaker.SCOPED.named(contributor)),
                entries.get(Speaker.UNSCOPED.named(contributor)),
            )
            if member is not None:
                entry = _as_member(entry, int(member.body["since_ms"]))
            elif other is not None:
                changed_ms = max(entry.changed_ms, int(other.body["since_ms"]))
                entry = replace(entry, changed_ms=changed_ms, body=_with_scope(entry.body, NOT_A_MEMBER))
        found[contributor] = entry
    return found


def _as_member(entry: Entry, since_ms: int) -> Entry:
    """An object in scope, which takes part in synchronisation since then at the earliest."""
    body = {**_with_scope(entry.body, None), "scoped_ms": since_ms}
    if "since_ms" in body:
        body["since_ms"] = max(int(body["since_ms"]), since_ms)
    return Entry(max(entry.changed_ms, since_ms), body)


def _with_scope(body: Mapping[str, Any], out_of_scope: str | None) -> dict[str, Any]:
    party = {name: value for name, value in body["party"].items() if name != "out_of_scope"}
    return {**body, "party": {**party, "out_of_scope": out_of_scope} if out_of_scope else party}
