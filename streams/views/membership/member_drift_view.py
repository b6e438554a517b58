"""Members of one group that stand on both sides while their membership stands on one: a part of them under each key.

Key: member_drift/<tenant>/<SID of the group>/<part>; of a group that the cloud writes into AD its `written_name` and
the forest of the members stand for the SID. Contributors: the SIDs of drifting members, told by their
reference views, questions of members that the cloud lacks, and the answer of the group (streams.views.questions). The
view adds up its part for the group's own view, and passes on what that says of itself, so that the members of a group
of 250,000 are never one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from zlib import crc32

from streams.contracts import view_keys
from streams.contracts.contributors import Speaker, rest_of, speaker_of
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.views.messages import Counterparts, DriftOfPart, MemberDrifts, NamedMember, read, written
from streams.views.questions import ask_counterparts, ask_through, moved, tell_counterparts
from streams.views.view import Derived, Entry, latest

_PARTS = 256
_WRITTEN = "Group_"
_OF_FOREST = "@"
# A small group names all, a huge one a few of each part: the group's own view stays small.
_NAMED = 5

_GATHER_MS = 60_000
_GATHER_SHARE = 8


def gather_ms(cycle_ms: int) -> int:
    """How long to wait until the words of members, which come one by one, can be counted: a minute at the most."""
    return min(_GATHER_MS, cycle_ms // _GATHER_SHARE)


@dataclass(frozen=True, slots=True)
class DriftingMember:
    """One member. lacking: AD has it and the cloud does not; else the other way round. since_ms: both stand since.

    other_domain: the cloud lacks one of another domain than the group's.
    """

    sid: str
    name: str
    lacking: bool
    since_ms: int
    other_domain: bool = False


@dataclass(frozen=True, slots=True)
class MemberDriftView:
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
    def contested(entries: Mapping[str, Entry]) -> bool:
        """Nobody speaks here without need."""
        return bool(entries)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        members = tuple(
            DriftingMember(sid, said.name, said.lacking, said.since_ms, said.other_domain)
            for sid, entry in sorted(entries.items())
            if isinstance(said := read(key, sid, entry.body), MemberDrifts)
        )
        askers = tuple(sorted(rest_of(name) for name in entries if speaker_of(name) is Speaker.ASKS))
        return cls(key, tenant_of(key), members, latest(entries), askers, bool(moved(entries)))

    def derived(self) -> Iterable[Derived]:
        """Tell the group how many they are, and some of them by name; ask it for those who ask, and pass it on."""
        sid, _, part = rest_of_key(self.key).rpartition("/")
        group = view_keys.group(self.tenant, sid)
        if self.askers:
            yield ask_counterparts(group, self.key)
        if self.moved:
            yield from tell_counterparts(group, self.askers, Counterparts(cloud_managed=True))
        if not self.members:
            return
        lacking = sum(member.lacking for member in self.members)
        view, contributor = group, Speaker.MEMBER_DRIFT.named(part)
        if is_written(sid):
            name, _, forest = sid.partition(_OF_FOREST)
            view = view_keys.written_group(self.tenant, name.removeprefix(_WRITTEN))
            contributor = Speaker.MEMBER_DRIFT.named(forest, part)
        named = sorted(self.members, key=lambda member: member.other_domain)[:_NAMED]
        said = DriftOfPart(
            lacking=lacking,
            surplus=len(self.members) - lacking,
            since_ms=min(member.since_ms for member in self.members),
            named=[NamedMember(member.name, member.sid, member.lacking) for member in named],
            other_domain=sum(member.other_domain for member in self.members),
        )
        yield Derived(view, contributor, written(said))


def written_name(entra_id: str) -> str:
    """What stands for the SID of a group that the cloud writes into AD, among groups that hold a member."""
    return f"{_WRITTEN}{entra_id}"


def is_written(sid: str) -> bool:
    """Whether this is such a name."""
    return sid.startswith(_WRITTEN)


def left_out_word(tenant: str, group: str, forest: str | None, member: DriftingMember) -> Derived:
    """What the reference view of a member tells of a written group whose copy lacks it; `forest`: the member's."""
    return drift_word(tenant, f"{group}{_OF_FOREST}{forest or ''}", member)


def drift_word(tenant: str, group: str, member: DriftingMember) -> Derived:
    """What the reference view of a member tells of the group with this SID."""
    said = MemberDrifts(member.name, member.lacking, member.since_ms, member.other_domain)
    return Derived(_part(tenant, group, member.sid), member.sid, written(said), absent_since_ms=member.since_ms)


def question(tenant: str, group: str, member_sid: str, asker: str) -> Derived:
    """What the reference view `asker` of a member that the cloud lacks asks of the group with this SID: who has the say
    over it?
    """
    return ask_through(_part(tenant, group, member_sid), asker)


def _part(tenant: str, group: str, member_sid: str) -> str:
    return view_keys.member_drift(tenant, group, f"{crc32(member_sid.encode()) % _PARTS:02x}")
