"""What the cloud writes back into AD: one group or one device, and its copy there.

Keys: written_group/<tenant>/<Entra object id>, written_device/<tenant>/<deviceId>. Contributors: "ad/<AD object>" of
each copy (it names its original), "entra/<id>" of the original, provisioning events of Cloud Sync about a group,
and "member_drift/<forest>/<part>": who is in the original and not in the copy.

Ordinary objects cost nothing: of the cloud's groups only those speak that are marked, or deleted, or told of by Cloud
Sync's log, or written back by default (scope.group_writeback); of its devices none unless scope.device_writeback is
set, for a device cannot know.

Sources: Microsoft, "Plan for Microsoft Entra Connect group writeback", "Provision groups to Active Directory using
Microsoft Entra Cloud Sync", "Enable device writeback" and the attributes that Connect writes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, kind_of_contributor, rest_of
from streams.contracts.events import Event, Result
from streams.contracts.facts import WRITEBACK_ENABLED, ObjectKind
from streams.contracts.finding import Subject
from streams.contracts.view_keys import ViewKind, tenant_of
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.directory.matching import object_view_key
from streams.directory.party import party_of
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.directory.written_back import NAMES_ORIGINAL, is_provisioned, original_of
from streams.views.events import events_in
from streams.views.link_drift import MemberDrift, member_drift_of
from streams.views.messages import DriftOfPart, Message, WrittenStatement
from streams.views.sides import Side
from streams.views.view import Derived, Entry, latest

HAS_MEMBERS = "@members"
"""Among a group's attributes: whether it has members; absent where that is unknown."""

_CLOUD_GROUP = (WRITEBACK_ENABLED, "@removed")
_CLOUD_DEVICE = ("accountEnabled", "isCompliant", "registrationDateTime", "trustType")
_COPIED_DEVICE = ("msDS-DeviceID", "msDS-IsEnabled", "msDS-IsCompliant")
_WRITES = frozenset({"create", "update"})


class WrittenView(msgspec.Struct, frozen=True):
    """An original in the cloud and its copies in AD.

    original: the living object in Entra, where it speaks here at all; deleted: the same after its end.
    copies:   AD objects that name it; gone: those that were deleted lately.
    expected: nobody has marked the original, but those like it are written back.
    events:   what Cloud Sync's log tells of it, the latest of each action, the oldest first.
    left_out: forest -> members of a group that have an account there and are not in its copy.
    """

    key: str
    tenant: str
    original: Side | None
    deleted: Side | None
    copies: tuple[Side, ...]
    gone: tuple[Side, ...]
    expected: bool
    events: tuple[Event, ...]
    changed_ms: int
    left_out: Mapping[str, MemberDrift] = {}

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """A copy alone says nothing; an original or an event may."""
        return any(kind_of_contributor(contributor) is not ContributorKind.AD for contributor in entries)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        sides: dict[tuple[str, bool], list[Side]] = {}
        expected = False
        parts: dict[str, list[DriftOfPart]] = {}
        for contributor, entry in sorted(entries.items()):
            match entry.message:
                case DriftOfPart() as part:
                    parts.setdefault(rest_of(contributor).partition("/")[0], []).append(part)
                case WrittenStatement() as message:
                    side = Side(message.party, message.attributes, entry.changed_ms, message.changed, message.first_ms)
                    sides.setdefault((message.party.side, message.deleted), []).append(side)
                    expected = expected or message.expected
        return cls(
            key=key,
            tenant=tenant_of(key),
            original=next(iter(sides.get(("entra", False), ())), None),
            deleted=next(iter(sides.get(("entra", True), ())), None),
            copies=tuple(sides.get(("ad", False), ())),
            gone=tuple(sides.get(("ad", True), ())),
            expected=expected,
            events=events_in(entries),
            changed_ms=latest(entries),
            left_out={
                forest: found for forest, message in parts.items() if (found := member_drift_of(message)) is not None
            },
        )

    @property
    def last_event(self) -> Event | None:
        """The latest that Cloud Sync's log tells of it."""
        return self.events[-1] if self.events else None

    @property
    def writer(self) -> str | None:
        """What has written the first copy, by where it names its original; None: there is no copy."""
        if not self.copies:
            return None
        cloud_sync, _ = NAMES_ORIGINAL
        return "cloud_sync" if self.copies[0].attributes.get(cloud_sync) else "connect"

    def derived(self) -> Iterable[Derived]:
        """Nothing: others need not know."""
        return ()


class WrittenGroupView(WrittenView, frozen=True):
    """A group of the cloud that is, was or ought to be written into AD."""


    @property
    def failure(self) -> Event | None:
        """The last attempt of Cloud Sync to write the group, if it failed."""
        last = self.last_event
        return last if last is not None and last.result is Result.FAILURE else None

    @property
    def success(self) -> Event | None:
        """The last attempt of Cloud Sync to write the group, if it went well; a deletion is none."""
        last = self.last_event
        written = last is not None and last.result is Result.SUCCESS and last.name in _WRITES
        return last if written else None

    @property
    def name(self) -> str:
        """What people call it."""
        for side in (self.original, self.deleted, *self.copies):
            if side is not None and side.party.display_name:
                return side.party.name
        named = next((str(event.details["source_name"]) for event in self.events if "source_name" in event.details), "")
        return named or rest_of_key(self.key)

    def subject(self) -> Subject:
        """The group as the subject of a finding, whichever side speaks."""
        copy = next(iter(self.copies), None)
        return Subject(
            kind=ViewKind.WRITTEN_GROUP,
            key=self.key,
            distinguished_name=copy.party.distinguished_name if copy is not None else None,
            display_name=self.name,
            object_guid=copy.party.id if copy is not None else None,
            entra_id=rest_of_key(self.key),
        )


class WrittenDeviceView(WrittenView, frozen=True):
    """A device of the cloud that is or ought to be written into AD."""



def written_statements(state: ObjectState, scope: Scope) -> dict[str, Message]:
    """What an object says to the views of writeback; {} for nearly all objects."""
    if not scope.home:
        return {}
    if state.kind is ObjectKind.GROUP:
        return _group_copy(state, scope) if state.side == "ad" else _cloud_group(state, scope)
    if state.kind is ObjectKind.REGISTERED_DEVICE and state.side == "ad":
        device_id = state.text("msDS-DeviceID")
        if device_id is None:
            return {}
        return _statement(state, view_keys.written_device(state.tenant, device_id), scope, _COPIED_DEVICE)
    if state.kind is ObjectKind.DEVICE and state.side == "entra" and state.alive and scope.device_writeback:
        device_id = state.text("deviceId")
        if device_id is None:
            return {}
        return _statement(state, view_keys.written_device(state.tenant, device_id), scope, _CLOUD_DEVICE)
    return {}


def _group_copy(state: ObjectState, scope: Scope) -> dict[str, Message]:
    original = original_of(state)
    return _statement(state, view_keys.written_group(state.tenant, original), scope, NAMES_ORIGINAL) if original else {}


def _cloud_group(state: ObjectState, scope: Scope) -> dict[str, Message]:
    if state.attributes.get("onPremisesSyncEnabled") is True:  # AD is its master: nothing to write back
        return {}
    marked = state.attributes.get(WRITEBACK_ENABLED)
    by_default = scope.group_writeback and "Unified" in state.texts("groupTypes")
    if state.alive and marked is None and not by_default and not is_provisioned(state):
        return {}
    key = view_keys.written_group(state.tenant, state.object_id)
    return _statement(state, key, scope, _CLOUD_GROUP, expected=marked is None and by_default)


def _statement(
    state: ObjectState, key: str, scope: Scope, names: tuple[str, ...], *, expected: bool = False
) -> dict[str, Message]:
    outside = scope.reason_outside(state) if state.side == "ad" and state.alive else None
    attributes = {name: state.attributes[name] for name in names if name in state.attributes}
    if state.has_members is not None:
        attributes[HAS_MEMBERS] = state.has_members
    message = WrittenStatement(
        party_of(state, object_view_key(state), outside),
        attributes,
        first_ms=state.first_ms,
        changed={name: state.changed[name] for name in names if name in state.changed},
        expected=expected,
        deleted=not state.alive,
    )
    return {key: message}
