"""The membership view: one object of the cloud, the synchronised groups that hold it there, and whose manager it is.

Key: membership/<tenant>/<Entra object id>: all that Graph tells of a member is its id. Contributors: "entra/<id>", the
member itself, which knows its SID; "members/<group id>" of each group that holds it, or has let it go: synchronised
ones are named by their SID, those that the cloud writes into AD as `CloudGroup`; "manager/<user id>" of each
synchronised user whose manager it is.

The view only translates: what it hears it tells the reference view of the member's SID, where AD's word is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, kind_of_contributor
from streams.contracts.facts import ObjectKind
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.directory.authority import cloud_managed
from streams.directory.state import ObjectState
from streams.directory.written_back import written_back
from streams.views.membership.group_name import CloudGroup
from streams.views.messages import CloudMember, HeldByGroup, LeftGroup, ReportsTo, written
from streams.views.view import Derived, Entry, latest

GROUP_LINKS = ("member", "members")
"""The links of a group to its members, in AD and in the cloud."""

LEFT_REMEMBERED_MS = 7 * 86_400_000
"""How long it is known when a member left a group: longer than anybody waits for the other side to follow."""

_NEVER_SYNCED = "Unified"


class Memberships(msgspec.Struct):
    """Synchronised groups by SID -> since when they hold an object, or when they let it go (ms)."""

    held: dict[str, int] = {}
    left: dict[str, int] = {}

    def take(self, sid: str | None, message: HeldByGroup | LeftGroup) -> None:
        """Note the word of the group `sid`; of two groups with one SID the later says since when."""
        if sid is not None:
            times_ms, at_ms = (
                (self.left, message.left_ms) if isinstance(message, LeftGroup) else (self.held, message.since_ms)
            )
            times_ms[sid] = max(times_ms.get(sid, 0), at_ms)


class MembershipView(msgspec.Struct, frozen=True):
    """A member in the cloud. sid: its own; None where it is not synchronised, or not read.

    reports: view of the user whose manager it is -> since when (ms).
    """

    key: str
    tenant: str
    sid: str | None
    groups: Memberships
    changed_ms: int
    reports: Mapping[str, int] = {}

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """There are both: a SID to tell of, and groups."""
        return len(entries) > 1 and any(
            kind_of_contributor(contributor) is ContributorKind.ENTRA for contributor in entries
        )

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        sid, groups = None, Memberships()
        reports: dict[str, int] = {}
        for contributor, entry in sorted(entries.items()):
            manages = kind_of_contributor(contributor) is ContributorKind.MANAGER
            match entry.message:
                case CloudMember(sid=own):
                    sid = own
                case ReportsTo(view=str(view), since_ms=since_ms) if manages:
                    reports[view] = max(reports.get(view, 0), since_ms)
                case (HeldByGroup() | LeftGroup()) as message if not manages:
                    groups.take(message.sid, message)
        return cls(key, tenant_of(key), sid, groups, latest(entries), reports)

    def derived(self) -> Iterable[Derived]:
        """To the view of the principal: each group that holds it in the cloud as a contribution of its own."""
        if self.sid is None:
            return
        principal, member = view_keys.reference(self.tenant, self.sid), rest_of_key(self.key)
        for sid, since_ms in sorted(self.groups.held.items()):
            yield Derived(principal, ContributorKind.CLOUD.named(member, sid), written(HeldByGroup(since_ms)))
        for sid, left_ms in sorted(self.groups.left.items()):
            if sid not in self.groups.held:
                yield Derived(principal, ContributorKind.CLOUD.named(member, sid), written(LeftGroup(left_ms)))
        for view, since_ms in sorted(self.reports.items()):
            yield Derived(principal, ContributorKind.REPORT.named(member, view), written(ReportsTo(since_ms)))


def cloud_link_message(state: ObjectState) -> HeldByGroup | ReportsTo | None:
    """The message of a group in the cloud to its members, or of a user to the manager; None: they do not count."""
    if not state.alive:
        return None
    if state.kind is ObjectKind.USER:
        return _report_message(state)
    if state.kind is not ObjectKind.GROUP:
        return None
    if written_back(state) and not never_synced(state):
        return HeldByGroup(0, str(CloudGroup(state.object_id)))
    if state.attributes.get("onPremisesSyncEnabled") is not True or cloud_managed(state):
        return None
    sid = state.text("onPremisesSecurityIdentifier")
    return HeldByGroup(0, sid) if sid else None


def _report_message(state: ObjectState) -> ReportsTo | None:
    if state.attributes.get("onPremisesSyncEnabled") is not True or cloud_managed(state):
        return None
    anchor = state.text("onPremisesImmutableId")
    return ReportsTo(0, view_keys.user(state.tenant, anchor)) if anchor else None


def never_synced(state: ObjectState) -> bool:
    """A Microsoft 365 group: no group of AD ever becomes one, so nobody needs to remember its members."""
    return state.side == "entra" and _NEVER_SYNCED in state.texts("groupTypes")
