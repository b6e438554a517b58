"""Members of one group that stand on both sides while their membership stands on one: a part of them under each key.

Key: member_drift/<tenant>/<SID of the group>/<part>; of a group that the cloud writes into AD its id and the forest of
the members stand for the SID (`CloudGroup`). Contributors: the SIDs of drifting members, told by their
reference views, questions of members that the cloud lacks, and the answer of the group (streams.views.questions). The
view adds up its part for the group's own view, and passes on what that says of itself, so that the members of a group
of 250,000 are never one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self
from zlib import crc32

import msgspec

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, kind_of_contributor, rest_of
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.views.membership.group_name import CloudGroup, GroupName, Sid, group_name
from streams.views.messages import Counterparts, DriftOfPart, MemberDrifts, NamedMember, written
from streams.views.questions import answer_counterparts, ask_counterparts, ask_through, moved
from streams.views.view import Derived, Entry, latest

_PARTS = 256
# A small group names all, a huge one a few of each part: the group's own view stays small.
_NAMED = 5

_GATHER_MS = 60_000
_GATHER_SHARE = 8


def gather_ms(cycle_ms: int) -> int:
    """How long to wait until the words of members, which come one by one, can be counted: a minute at the most."""
    return min(_GATHER_MS, cycle_ms // _GATHER_SHARE)


class DriftingMember(msgspec.Struct, frozen=True):
    """One member. lacking: AD has it and the cloud does not; else the other way round. since_ms: both stand since.

    other_domain: the cloud lacks one of another domain than the group's.
    """

    sid: str
    name: str
    lacking: bool
    since_ms: int
    other_domain: bool = False


class MemberDriftView(msgspec.Struct, frozen=True):
    """A part of the drifting members of a group, by SID; askers: views of members that want to know whether the cloud
    has the say over the group; moved: it has.
    """

    key: str
    tenant: str
    members: tuple[DriftingMember, ...]
    changed_ms: int
    askers: tuple[str, ...] = ()
    moved: bool = False

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Whether it has a contribution: there are some only where members drift."""
        return bool(entries)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        members = tuple(
            DriftingMember(sid, message.name, message.lacking, message.since_ms, message.other_domain)
            for sid, entry in sorted(entries.items())
            if isinstance(message := entry.message, MemberDrifts)
        )
        askers = tuple(sorted(rest_of(name) for name in entries if kind_of_contributor(name) is ContributorKind.ASKS))
        return cls(key, tenant_of(key), members, latest(entries), askers, bool(moved(entries)))

    def derived(self) -> Iterable[Derived]:
        """Tell the group how many they are, and some of them by name; ask it for those who ask, and pass it on."""
        name, _, part = rest_of_key(self.key).rpartition("/")
        match group_name(name):
            case CloudGroup(entra_id=entra_id, forest=forest):
                group = view_keys.written_group(self.tenant, entra_id)
                contributor = ContributorKind.MEMBER_DRIFT.named(forest or "", part)
            case Sid(sid=sid):
                group = view_keys.group(self.tenant, sid)
                contributor = ContributorKind.MEMBER_DRIFT.named(part)
        if self.askers:
            yield ask_counterparts(group, self.key)
        if self.moved:
            yield from answer_counterparts(group, self.askers, Counterparts(cloud_managed=True))
        if not self.members:
            return
        lacking = sum(member.lacking for member in self.members)
        named = sorted(self.members, key=lambda member: member.other_domain)[:_NAMED]
        message = DriftOfPart(
            lacking=lacking,
            surplus=len(self.members) - lacking,
            since_ms=min(member.since_ms for member in self.members),
            named=[NamedMember(member.name, member.sid, member.lacking) for member in named],
            other_domain=sum(member.other_domain for member in self.members),
        )
        yield Derived(group, contributor, written(message))


def drift_message(tenant: str, group: GroupName, member: DriftingMember) -> Derived:
    """What the reference view of a member tells of a group; of a written one, of the copy in its forest."""
    message = MemberDrifts(member.name, member.lacking, member.since_ms, member.other_domain)
    return Derived(_part(tenant, group, member.sid), member.sid, written(message), absent_since_ms=member.since_ms)


def question(tenant: str, group: GroupName, member_sid: str, asker: str) -> Derived:
    """What the reference view `asker` of a member that the cloud lacks asks of a group: who has the say over it?"""
    return ask_through(_part(tenant, group, member_sid), asker)


def _part(tenant: str, group: GroupName, member_sid: str) -> str:
    return view_keys.member_drift(tenant, str(group), f"{crc32(member_sid.encode()) % _PARTS:02x}")
