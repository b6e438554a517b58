"""The reference view: one security principal, who in AD points at it (member, manager), and which groups of the cloud
hold it.

Key: reference/<tenant>/<SID>: the one name that a link's far end, the AD object and the Entra object all know.
Contributors: "ad/<AD object>" and "entra/<id>" of the principal itself, "<attribute>/<AD object>" of referrers and of
groups that have let it go, "cloud/<id>/<SID>" of synchronised groups and "report/<id>/<view>" of users whose manager it
is in the cloud, told by its membership view, answers of referrers (streams.views.questions), and findings that explain
(streams.views.explanations).

Deleting a member in AD is silent for the group, so a referrer's word counts only while the principal lives;
restoring it without the recycle bin does not bring its memberships back, so a link older than the principal's
latest restoration does not count either. A cloned domain has the same SIDs: a reference leads to the principal of its
own forest where that forest has one, or had one, which is why the dead go on saying so ("dead_in").

Where both sides of the principal stand and a group has it on one side only, the view tells the group's; and the user's,
whose manager it is on one side only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Self

import msgspec
from msgspec.structs import replace

from streams.contracts.contributors import (
    ContributorKind,
    attribute_of,
    kind_of_contributor,
    last_of,
    prefixes,
    rest_of,
)
from streams.contracts.distinguished_name import dns_domain
from streams.contracts.flows import MANAGER
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.directory.party import MEMBERSHIP_UNKNOWN, Party
from streams.directory.person import LINKED
from streams.directory.state import ObjectState
from streams.views.explanations import Explanation, split_explanations
from streams.views.link_drift import manager_message
from streams.views.membership.group_name import CloudGroup, Sid, group_name
from streams.views.membership.member_drift_view import DriftingMember, drift_message, question
from streams.views.membership.membership_view import Memberships
from streams.views.messages import (
    DeadPrincipal,
    HeldByGroup,
    HeldInCopy,
    Joined,
    LeftGroup,
    Principal,
    Referrer,
    ReportsTo,
)
from streams.views.questions import ask_counterparts, moved
from streams.views.view import Derived, Entry, latest

# Built-in principals are never synchronised, and everybody is a member of some.
# A linked mailbox is there as its account.
_PRINCIPALS = prefixes(ContributorKind.AD, ContributorKind.ENTRA)
_NEVER_SYNCED = frozenset({"critical_system_object", LINKED, MEMBERSHIP_UNKNOWN})


class Pointer(msgspec.Struct, frozen=True):
    """An AD object that points here by `attribute`; `seq` of the fact that set the link; since_ms: it stands since."""

    party: Party
    attribute: str
    seq: int
    changed_ms: int
    since_ms: int = 0

    @property
    def group(self) -> str | None:
        """The SID of the group, if it is one that the principal is a member of."""
        return self.party.sid if self.attribute == "member" and self.party.kind == "group" else None


class ReferenceView(msgspec.Struct, frozen=True):
    """A principal on both sides, and its referrers.

    since_ms: since when its sides stand as they do, the youngest.
    reports:  view of the user whose manager it is in the cloud -> since when (ms).
    cloud:    the groups that hold it in the cloud; let_go: of AD's groups those that hold it no longer.
    joined:   it is an account that stands for objects of other forests, too, whose groups and reports are its.
    copies:   of the groups that the cloud writes into AD those whose copy holds it, by name (`CloudGroup`).
    """

    key: str
    tenant: str
    ad: tuple[Party, ...]
    entra: tuple[Party, ...]
    referrers: tuple[Pointer, ...]
    ad_changed_ms: int
    changed_ms: int
    since_ms: int = 0
    cloud: Memberships = msgspec.field(default_factory=Memberships)
    let_go: Memberships = msgspec.field(default_factory=Memberships)
    copies: frozenset[str] = frozenset()
    explanations: tuple[Explanation, ...] = ()
    reports: Mapping[str, int] = {}
    joined: bool = False

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Its sides do not name one anchor, two objects have it, or AD's groups and reports and the cloud's differ.

        Who is restored has groups that may not count; of who is not in the cloud, every referrer counts. A principal
        that nobody else speaks of has nothing to compare.
        """
        if len(entries) == 1 and next(iter(entries)).startswith(_PRINCIPALS):
            return False
        messages = _Messages.of(entries)
        principals = [each.party for each, _ in messages.principals]
        forests = [party.forest for party in principals if party.side == "ad"]
        if messages.dead or len(forests) > 1 or any(each.restored_seq for each, _ in messages.principals):
            return True
        if len({party.source_anchor for party in principals}) > 1 or len({party.kind for party in principals}) > 1:
            return True
        if messages.pointers and len(forests) == len(principals):
            return True
        ours = {
            each.party.sid if each.attribute == ContributorKind.MEMBER else each.party.view
            for each in messages.pointers
        }
        ours |= {copy.copy_of for copy in messages.copies}
        return bool((ours ^ (messages.cloud.held.keys() | messages.reports.keys())) - {None})

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        entries, explanations = split_explanations(entries)
        messages = _Messages.of(entries)
        ad = [each.party for each, _ in messages.principals if each.party.side == "ad"]
        entra = [each.party for each, _ in messages.principals if each.party.side == "entra"]
        restored: dict[str | None, float] = dict.fromkeys(messages.dead, inf)  # by forest: seqs of two do not compare
        for each, _ in messages.principals:
            if each.party.side == "ad":  # of two of one SID in one forest, the living
                known = restored.get(each.party.forest, 0)
                restored[each.party.forest] = each.restored_seq if known == inf else max(known, each.restored_seq)
        if any(party.cloud_managed for party in entra):
            ad = [party.unexported() for party in ad]
        referrers = [each for each in messages.pointers if each.seq > restored.get(each.party.forest, 0)]
        gone = moved(entries)
        referrers = [
            replace(each, party=each.party.unexported()) if each.party.view in gone else each for each in referrers
        ]
        return cls(
            key=key,
            tenant=tenant_of(key),
            ad=tuple(ad),
            entra=tuple(entra),
            referrers=tuple(referrers),
            ad_changed_ms=max((at_ms for each, at_ms in messages.principals if each.party.side == "ad"), default=0),
            changed_ms=latest(entries),
            since_ms=max((each.since_ms for each, _ in messages.principals), default=0),
            cloud=messages.cloud,
            let_go=messages.let_go,
            copies=frozenset(copy.copy_of for copy in messages.copies if copy.seq > restored.get(copy.party.forest, 0)),
            explanations=explanations,
            reports=messages.reports,
            joined=messages.joined,
        )

    @property
    def principal(self) -> Party | None:
        """The AD object behind the SID; of several (a cloned domain has the same) the only one in scope, else None."""
        chosen = [party for party in self.ad if party.in_scope] if len(self.ad) > 1 else self.ad
        return chosen[0] if len(chosen) == 1 else None

    @property
    def missed(self) -> Party | None:
        """The principal that is not in the cloud, where that is no matter of course."""
        target = self.principal
        if target is None or self.entra or target.half or target.out_of_scope in _NEVER_SYNCED:
            return None
        return target

    def derived(self) -> Iterable[Derived]:
        """Drift to each group that has the principal on one side only, and to each user whose manager it is on one side
        only, while exactly one object of each side stands; and questions (`_questions`).
        """
        member = self.principal
        if self.missed is not None:
            yield from self._questions()
        if member is None or len(self.entra) != 1:
            return
        if not member.in_scope or member.kind != self.entra[0].kind:
            return
        # Of two groups of one SID, as two copies of a domain have them, the one of the member's own forest.
        referrers = sorted(self.referrers, key=lambda referrer: referrer.party.forest == member.forest)
        yield from self._drift_of_groups(member, referrers)
        yield from self._drift_of_reports(member, referrers)

    def _questions(self) -> Iterable[Derived]:
        """To those who refer to a principal that the cloud lacks: whether the cloud has the say over them. Then they
        miss nothing.
        """
        own = rest_of_key(self.key)
        for view in sorted({each.party.view for each in self.referrers if each.party.view and not each.group}):
            yield ask_counterparts(view, self.key)
        for group in sorted({each.group for each in self.referrers if each.group}):
            yield question(self.tenant, Sid(group), own, self.key)

    def _drift_of_groups(self, member: Party, referrers: Iterable[Pointer]) -> Iterable[Derived]:
        ours = {referrer.group: referrer for referrer in referrers if referrer.group is not None}
        for sid, referrer in sorted(ours.items()):
            # A member from another forest stands there as a foreign principal: how engines treat it differs.
            if sid not in self.cloud.held and referrer.party.forest == member.forest:
                lacks = self._member(member, True, referrer.since_ms, self.cloud.left.get(sid, 0))
                yield drift_message(self.tenant, Sid(sid), replace(lacks, other_domain=_apart(member, referrer.party)))
        for text, since_ms in sorted(self.cloud.held.items()):
            drifts = self._member(member, False, since_ms, self.let_go.left.get(text, 0))
            match group_name(text):
                case CloudGroup(entra_id=entra_id) if text not in self.copies:
                    yield drift_message(self.tenant, CloudGroup(entra_id, member.forest or ""), drifts)
                case Sid() as name if text not in ours and not self.joined:
                    yield drift_message(self.tenant, name, drifts)

    def _drift_of_reports(self, member: Party, referrers: Iterable[Pointer]) -> Iterable[Derived]:
        own = rest_of_key(self.key)
        reporting = {
            referrer.party.view: referrer
            for referrer in referrers
            if referrer.attribute == MANAGER and referrer.party.kind == "user" and referrer.party.view
        }
        for view, referrer in sorted(reporting.items()):
            if view not in self.reports and referrer.party.forest == member.forest:
                apart = _apart(member, referrer.party)
                yield manager_message(
                    view, own, member.name, True, self.since_ms, referrer.since_ms, other_domain=apart
                )
        for view, since_ms in sorted(self.reports.items()):
            if view not in reporting and not self.joined:
                yield manager_message(view, own, member.name, False, self.since_ms, since_ms)

    def _member(self, member: Party, lacking: bool, *times_ms: int) -> DriftingMember:
        return DriftingMember(rest_of_key(self.key), member.name, lacking, max(self.since_ms, *times_ms))


class _Messages(msgspec.Struct):
    """The messages, by what they are about. principals: with when they changed (ms); dead: their forests."""

    principals: list[tuple[Principal, int]] = []
    dead: list[str | None] = []
    pointers: list[Pointer] = []
    copies: list[HeldInCopy] = []
    cloud: Memberships = msgspec.field(default_factory=Memberships)
    let_go: Memberships = msgspec.field(default_factory=Memberships)
    reports: dict[str, int] = {}
    joined: bool = False

    @classmethod
    def of(cls, entries: Mapping[str, Entry]) -> Self:
        """As the contributions tell."""
        found = cls()
        for contributor, entry in sorted(entries.items()):
            match entry.message:
                case Referrer(party=party, seq=seq, since_ms=since_ms):
                    attribute = attribute_of(contributor)
                    found.pointers.append(Pointer(party, attribute, seq, entry.changed_ms, since_ms))
                case (HeldByGroup() | LeftGroup()) as held if kind_of_contributor(contributor) is ContributorKind.CLOUD:
                    found.cloud.take(last_of(contributor), held)
                case ReportsTo(since_ms=since_ms):
                    view = rest_of(contributor).partition("/")[2]
                    found.reports[view] = max(found.reports.get(view, 0), since_ms)
                case Principal() as principal:
                    found.principals.append((principal, entry.changed_ms))
                case DeadPrincipal(dead_in=forest):
                    found.dead.append(forest)
                case Joined():
                    found.joined = True
                case LeftGroup() as left:
                    found.let_go.take(left.sid, left)
                case HeldInCopy() as copy if kind_of_contributor(contributor) is ContributorKind.MEMBER:
                    found.copies.append(copy)
        return found


def stands_since_ms(state: ObjectState) -> int:
    """Since when a principal takes part in synchronisation on its side, as far as we saw (ms)."""
    names = ("distinguishedName", "objectSid") if state.side == "ad" else _JOINED_BY
    return max(state.first_ms, state.revived_ms, *(state.changed.get(name, 0) for name in names))


_JOINED_BY = ("onPremisesSyncEnabled", "onPremisesSecurityIdentifier")


def _apart(one: Party, other: Party) -> bool:
    """Whether two objects stand in different domains."""
    domains = {dns_domain(party.distinguished_name or "") for party in (one, other)}
    return len(domains) > 1 and "" not in domains
