"""The membership view: one object of the cloud, and the synchronised groups that hold it there.

Key: membership/<tenant>/<Entra object id>: all that Graph tells of a member is its id. Contributors: "entra/<id>", the
member itself, which knows its SID; "members/<group id>" of each group that holds it, or has let it go: synchronised
ones are named by their SID, those that the cloud writes into AD by `written_name`.

The view only translates: what it hears it tells the reference view of the member's SID, where AD's word is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streams.contracts.facts import ObjectKind
from streams.views.authority import cloud_managed
from streams.views.member_drift import written_name
from streams.views.state import ObjectState
from streams.views.view import Derived, Entry, latest, tenant_of
from streams.views.writeback import written_back

KIND = "membership"
GROUP_LINKS = ("member", "members")
"""The links of a group to its members, in AD and in the cloud."""

LEFT_REMEMBERED_MS = 7 * 86_400_000
"""How long it is known when a member left a group: longer than anybody waits for the other side to follow."""

_NEVER_SYNCED = "Unified"


@dataclass(slots=True)
class Memberships:
    """Synchronised groups by SID -> since when they hold an object, or when they let it go (ms)."""

    held: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    def take(self, sid: str, body: Mapping[str, Any]) -> None:
        """Note the word of the group `sid`; of two groups with one SID the later says since when."""
        times_ms, said_ms = (self.left, body["left_ms"]) if "left_ms" in body else (self.held, body["since_ms"])
        times_ms[sid] = max(times_ms.get(sid, 0), int(said_ms))


@dataclass(frozen=True, slots=True)
class MembershipView:
    """A member in the cloud. sid: its own; None where it is not synchronised, or not read."""

    key: str
    tenant: str
    sid: str | None
    groups: Memberships
    changed_ms: int

    @staticmethod
    def contested(entries: Mapping[str, Entry]) -> bool:
        """There are both: a SID to tell of, and groups."""
        return len(entries) > 1 and any(contributor.startswith("entra/") for contributor in entries)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        sid, groups = None, Memberships()
        for contributor, entry in sorted(entries.items()):
            if contributor.startswith("entra/"):
                sid = str(entry.body["sid"])
            else:
                groups.take(entry.body["sid"], entry.body)
        return cls(key, tenant_of(key), sid, groups, latest(entries))

    def derived(self) -> Iterable[Derived]:
        """Tell the principal which groups hold it in the cloud, each by itself: one change is one word."""
        if self.sid is None:
            return
        principal, member = f"reference/{self.tenant}/{self.sid}", self.key.rpartition("/")[2]
        for sid, since_ms in sorted(self.groups.held.items()):
            yield Derived(principal, f"cloud/{member}/{sid}", {"since_ms": since_ms})
        for sid, left_ms in sorted(self.groups.left.items()):
            if sid not in self.groups.held:
                yield Derived(principal, f"cloud/{member}/{sid}", {"left_ms": left_ms})


def membership_view_key(tenant: str, entra_id: str) -> str:
    """The key of the membership view of an object in the cloud."""
    return f"{KIND}/{tenant}/{entra_id}"


def cloud_group_body(state: ObjectState) -> dict[str, Any] | None:
    """What a group in the cloud says to its members; None while its links do not count."""
    if not state.alive or state.kind is not ObjectKind.GROUP:
        return None
    if written_back(state) and not never_synced(state):
        return {"sid": written_name(state.object_id)}
    if state.attributes.get("onPremisesSyncEnabled") is not True or cloud_managed(state):
        return None
    sid = state.text("onPremisesSecurityIdentifier")
    return {"sid": sid} if sid else None


def never_synced(state: ObjectState) -> bool:
    """A Microsoft 365 group: no group of AD ever becomes one, so nobody needs to remember its members."""
    return state.side == "entra" and _NEVER_SYNCED in state.texts("groupTypes")
