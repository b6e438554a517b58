"""The object views: what AD and what Entra say about one user, group or contact.

Keys: user/<tenant>/<immutableId>, group/<tenant>/<objectSid>, contact/<tenant>/<primary address>: the pairs
of attributes by which Entra Connect matches, so that both sides arrive under one key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import ClassVar, Self

import msgspec
from msgspec.structs import replace

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, prefixes, rest_of
from streams.contracts.events import Event
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.directory.authority import CLOUD_MANAGED
from streams.directory.event_slots import order_of
from streams.directory.party import Party
from streams.directory.state import ObjectState
from streams.views.explanations import Explanation, explanation_of
from streams.views.identity import refusals
from streams.views.identity.proposals import questions
from streams.views.link_drift import MemberDrift, member_drift_of
from streams.views.messages import (
    Counterparts,
    DriftOfPart,
    Explains,
    ExportBegan,
    HolderOfValue,
    Holders,
    Joined,
    ManagerDrift,
    MovedToCloud,
    ObjectStatement,
    Question,
    ReadUntil,
)
from streams.views.password.confirmation import questions as questions_to_forest
from streams.views.questions import answer_counterparts, ask_holders
from streams.views.sides import Side
from streams.views.view import Derived, Entry, Memo

MEMBERS_TOLD_FROM, _MEMBERS_STEP = 40_000, 1_000
"""A group tells how many members it has from here on, in whole steps: the rest would only be news without use."""

_PASSING = prefixes(ContributorKind.HEARD, ContributorKind.EXPORTED, ContributorKind.EXPLAINS)
"""What these say is no change of the object."""
REMEMBERED_MS = 30 * 86_400_000
"""How long a deleted AD object goes on speaking to its view, as long as Entra keeps what it deletes."""


class ObjectView(msgspec.Struct, frozen=True, dict=True):
    """Both sides of one object. More than one AD side: two objects share the matching key.

    gone: AD objects that were deleted lately (REMEMBERED_MS): what the next export deletes in the cloud.
    soft_deleted: Entra objects that are deleted and can be restored; attributes: streams.directory.soft_deletion.
    events: what logs tell of it, the oldest first.
    held: view of a value that a rule proposes for the object, or that Entra refused -> those who hold it already.
    drifting: of a group: members whose membership has stood on one side only for two cycles; None: there are none.
    managers: of a user: who is the manager on one side only.
    exported_ms: when a cycle that has exported and ended began (ms), where that is asked (see refusals).
    explanations: findings of other views that explain those of this one.
    joined: its AD side is one person with objects of other forests (see person): True: the account of that
        person, False: another half, which becomes no object of its own in the cloud; None: neither.
    read_until_ms: until when its forest has been read (ms), where that is asked (password.confirmation); None: unknown.
    unclaimed_ms: of a synchronised contact without an AD side: since when the view of its address knows of nobody in AD
        who has the address (ms); None: somebody has, or it has not told.
    """

    kind: ClassVar[str] = ""

    key: str
    tenant: str
    ad: tuple[Side, ...]
    entra: tuple[Side, ...]
    watchers: tuple[str, ...]
    held: Mapping[str, tuple[HolderOfValue, ...]]
    changed_ms: int
    gone: tuple[Side, ...] = ()
    soft_deleted: tuple[Side, ...] = ()
    events: tuple[Event, ...] = ()
    read_until_ms: int | None = None
    drifting: MemberDrift | None = None
    exported_ms: int = 0
    unclaimed_ms: int | None = None
    explanations: tuple[Explanation, ...] = ()
    managers: tuple[ManagerDrift, ...] = ()
    joined: bool | None = None

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Always: rules judge single objects too."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        ad: list[Side] = []
        entra: list[Side] = []
        gone: list[Side] = []
        soft_deleted: list[Side] = []
        watchers: list[str] = []
        held: dict[str, tuple[HolderOfValue, ...]] = {}
        parts: list[DriftOfPart] = []
        managers: list[ManagerDrift] = []
        read_until_ms: int | None = None
        exported_ms, moved = 0, False
        joined: bool | None = None
        unclaimed_ms: int | None = None
        changed_ms = 0
        events: dict[str, Event] = {}
        explanations: list[Explanation] = []
        for contributor, entry in sorted(entries.items()):
            rest = rest_of(contributor)
            if not contributor.startswith(_PASSING):
                changed_ms = max(changed_ms, entry.changed_ms)
            match entry.message:
                case ObjectStatement() as message:
                    side = _side(message, entry.changed_ms)
                    of_ad = message.party.side == "ad"
                    if message.deleted:
                        (gone if of_ad else soft_deleted).append(side)
                    else:
                        (ad if of_ad else entra).append(side)
                case Event() as event:
                    events[event.id] = event
                case Explains() as message:
                    explanations.append(explanation_of(contributor, message))
                case MovedToCloud():
                    moved = True
                case Question():
                    watchers.append(rest)
                case Holders(holders=holders):
                    held[rest] = tuple(holders)
                    if rest == _address_view(key) and "ad" not in {each.side for each in holders}:
                        unclaimed_ms = entry.changed_ms
                case ReadUntil(read_until_ms=until_ms):
                    read_until_ms = until_ms
                case ExportBegan(began_ms=began_ms):
                    exported_ms = max(exported_ms, began_ms)
                case ManagerDrift() as drift:
                    managers.append(drift)
                case Joined(account=account):
                    joined = bool(account) or bool(joined)
                case DriftOfPart() as part:
                    parts.append(part)
        if moved or any(side.party.cloud_managed for side in (*entra, *soft_deleted)):
            ad = [replace(side, party=side.party.unexported()) for side in ad]
        return cls(
            key=key,
            tenant=tenant_of(key),
            ad=tuple(ad),
            entra=tuple(entra),
            watchers=tuple(watchers),
            held=held,
            changed_ms=changed_ms,
            gone=tuple(gone),
            soft_deleted=tuple(soft_deleted),
            events=tuple(sorted(events.values(), key=order_of)) if events else (),
            read_until_ms=read_until_ms,
            drifting=member_drift_of(parts),
            exported_ms=exported_ms,
            unclaimed_ms=unclaimed_ms,
            explanations=tuple(explanations),
            managers=tuple(managers),
            joined=joined,
        )

    @cached_property
    def memo(self) -> Memo:
        """What was computed of it: kept beside the fields, so that no copy takes it along."""
        return Memo()

    @cached_property
    def in_scope(self) -> tuple[Side, ...]:
        """Its AD objects that are in the scope of synchronisation."""
        return tuple([side for side in self.ad if side.party.in_scope])

    def references(self) -> tuple[str, ...]:
        """The views of those who refer to its AD objects (streams.views.membership.reference_view)."""
        return tuple(sorted({view_keys.reference(self.tenant, side.party.sid) for side in self.ad if side.party.sid}))

    def derived(self) -> Iterable[Derived]:
        """Tell the contested addresses that asked who stands under this key on either side; ask about proposals."""
        derived = answer_counterparts(self.key, self.watchers, self._counterparts()) if self.watchers else []
        derived += refusals.questions(self) if self.events else []
        asked = {(each.view, each.contributor) for each in derived}
        proposed = questions(self.key, self.tenant, ((side.party, side.attributes) for side in self.ad), self.memo)
        return derived + [each for each in proposed if (each.view, each.contributor) not in asked]


    def _counterparts(self) -> Counterparts:
        moved_ms = max((side.changed_ms for side in (*self.ad, *self.gone)), default=0)
        cloud_managed = any(side.party.out_of_scope == CLOUD_MANAGED for side in self.ad)
        return Counterparts(sorted(side.party.id for side in self.entra), moved_ms, cloud_managed)


class UserView(ObjectView, frozen=True):
    """A user, matched by source anchor."""

    kind: ClassVar[str] = "user"

    def derived(self) -> Iterable[Derived]:
        """As every object; and ask the forest until when it has been read, while a password does not show."""
        return [*super().derived(), *questions_to_forest(self)]


class GroupView(ObjectView, frozen=True):
    """A group, matched by SID."""

    kind: ClassVar[str] = "group"


class ContactView(ObjectView, frozen=True):
    """A contact, matched by primary address."""

    kind: ClassVar[str] = "contact"

    def derived(self) -> Iterable[Derived]:
        """As every object; without an AD side, ask who else has the address: another one may stand there as primary."""
        derived = list(super().derived())
        asks = ask_holders(_address_view(self.key), self.key)
        if _lacks_ad(self) and (asks.view, asks.contributor) not in {(each.view, each.contributor) for each in derived}:
            derived.append(asks)
        return derived


def _address_view(key: str) -> str:
    """The view of the address that a contact's view goes by."""
    return view_keys.address(tenant_of(key), rest_of_key(key))


def _side(message: ObjectStatement, changed_ms: int) -> Side:
    return Side(
        message.party,
        message.attributes,
        changed_ms,
        message.changed,
        message.first_ms,
        message.created_ms,
        message.members,
        message.revived_ms,
        message.cleared,
        message.scoped_ms,
    )


def is_orphan(view: ObjectView) -> bool:
    """Whether a synchronised cloud object stands here without any AD side that we know, or knew lately.

    Of contacts only where nobody in AD has the address: they are matched by the primary one, so a changed one looks
    like two halves.
    """
    return _lacks_ad(view) and (view.kind != "contact" or view.unclaimed_ms is not None)


def _lacks_ad(view: ObjectView) -> bool:
    if view.ad or view.gone:
        return False
    return any(side.party.synced is True for side in view.entra)


def object_statement(state: ObjectState, party: Party) -> ObjectStatement:
    """What a living object says to its own view."""
    members = sum(state.member_counts.values())
    return ObjectStatement(
        party,
        state.attributes,
        first_ms=state.first_ms,
        changed=state.changed,
        created_ms=state.created_ms,
        revived_ms=state.revived_ms,
        cleared={name: last.value for name, last in state.vanished.items() if last.cleared and last.value is not None},
        members=members // _MEMBERS_STEP * _MEMBERS_STEP if members >= MEMBERS_TOLD_FROM else None,
    )
