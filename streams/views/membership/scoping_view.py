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

from streams.directory.object_ref import MEMBERSHIP_UNKNOWN
from streams.directory.state import identity_of
from streams.views.view import Derived, Entry, latest, tenant_of

KIND = "scoping"
NOT_A_MEMBER = "no_member_of_a_scoping_group"
"""Why an object is not synchronised that none of the groups holds."""

_OBJECT = "ad/"
_IN, _OUT = "scoped/", "unscoped/"


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
    def contested(entries: Mapping[str, Entry]) -> bool:
        """The object is there. Of a member that is none of ours, only groups speak."""
        return any(contributor.startswith(_OBJECT) for contributor in entries)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        contributor = next((name for name in entries if name.startswith(_OBJECT)), "")
        own: Mapping[str, Any] = entries[contributor].body if contributor else {}
        groups = [entry.body for name, entry in entries.items() if not name.startswith(_OBJECT)]
        # Restoring the object brings no membership back, and its groups do not hear of its death.
        since = [int(body["since_ms"]) for body in groups if body.get("seq", 0) > own.get("restored_seq", 0)]
        return cls(
            key=key,
            tenant=tenant_of(key),
            contributor=contributor,
            told=tuple(own.get("views", ())),
            in_ms=min(since, default=None),
            left_ms=max((int(body.get("left_ms", 0)) for body in groups), default=0),
            is_one=bool(own.get("is_one")),
            changed_ms=latest(entries),
        )

    def derived(self) -> Iterable[Derived]:
        """Tell every view where the object speaks whether it is in scope."""
        if self.in_ms is not None:
            return [Derived(view, _IN + self.contributor, {"since_ms": self.in_ms}) for view in self.told]
        if self.is_one:
            return ()
        left = {"since_ms": self.left_ms}
        return [Derived(view, _OUT + self.contributor, left, once_read=True) for view in self.told]


def scoping_view_key(tenant: str, object_id: str, forest: str | None) -> str:
    """The key of the scoping view of an AD object."""
    return f"{KIND}/{tenant}/{identity_of(object_id, forest)}"


def scoped(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """The contributions to a view, with what memberships say of the objects that speak there; without those words."""
    if not any(contributor.startswith((_IN, _OUT)) for contributor in entries):
        return entries
    found: dict[str, Entry] = {}
    for contributor, entry in entries.items():
        if contributor.startswith((_IN, _OUT)):
            continue
        party = entry.body.get("party")
        if contributor.startswith(_OBJECT) and party and party.get("out_of_scope") == MEMBERSHIP_UNKNOWN:
            # While a membership moves from one group to another both words may stand for a moment.
            member, other = entries.get(_IN + contributor), entries.get(_OUT + contributor)
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
