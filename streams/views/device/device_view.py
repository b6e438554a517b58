"""The device view: one computer on its way from AD to a hybrid joined device, stage by stage.

Key: device/<tenant>/<objectGUID>; the device in Entra carries that GUID as deviceId. Contributors: "ad/<AD object>",
several only where a cloned computer brings its GUID into another forest, and "entra/<object id>" of every device with
trust type ServerAd. Deleted ones go on speaking for REMEMBERED_MS, with "deleted" set: that a registered device was
there before is what tells re-pended from pending. A ServerAd device without deviceId meets nobody: the SID (the second
key) is not tried.

Source: Microsoft, "How Microsoft Entra device registration works" and "Pending devices in Microsoft Entra ID".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Self

import msgspec

from streams.contracts.events import Event, Log
from streams.contracts.times import time_in
from streams.contracts.view_keys import tenant_of
from streams.directory.matching import device_view_key
from streams.directory.party import Party, party_of
from streams.directory.scope import Scope
from streams.directory.soft_deletion import deletion_attributes, deletion_evidence
from streams.directory.state import ObjectState
from streams.views.device.computer import ATTRIBUTES, Computer, computer_from, moved_at_ms
from streams.views.device.join_attempts import JoinFailure, audit_of, failure_of
from streams.views.events import events_in
from streams.views.messages import DeviceStatement, Message
from streams.views.view import Derived, Entry, latest

_AUTOPILOT = "[ZTDID]"
REMEMBERED_MS = 180 * 86_400_000

_CLOUD_ATTRIBUTES = (
    "deviceId",
    "trustType",
    "accountEnabled",
    "registrationDateTime",
    "approximateLastSignInDateTime",
    "operatingSystem",
    "isCompliant",
    "isManaged",
)


class Stage(StrEnum):
    """How far a computer has come; each stage needs the one before, except that some paths skip the certificate."""

    CREATED = "created"
    CERTIFICATE = "certificate"
    PENDING = "pending"
    REGISTERED = "registered"
    ACTIVE = "active"


class CloudDevice(msgspec.Struct, frozen=True):
    """A hybrid device in Entra. `registered_ms` None: pending.

    signed_in_ms: its own coarse time (renewed after 14 days), or a later sign-in of the sign-in log.
    autopilot: it is, or carries, the computer's Windows Autopilot registration.
    pending_ms: of one that is pending: since when at the latest, by the time of its last export or our first sight.
    deletion: of a deleted one, whether it can be restored, and since and until when (streams.directory.soft_deletion).
    """

    party: Party
    device_id: str
    enabled: bool | None
    registered_ms: int | None
    signed_in_ms: int | None
    managed: bool | None
    changed_ms: int
    autopilot: bool = False
    pending_ms: int = 0
    deletion: Mapping[str, str | bool] = {}

    @property
    def pending(self) -> bool:
        """Synchronised from AD, and not registered yet."""
        return self.registered_ms is None


class DeviceView(msgspec.Struct, frozen=True):
    """A computer and its devices. `deleted`, `computer_deleted`: what was there before; `events`: what logs tell.

    computer:  of several, one that is in scope. namesakes: the others, in forests of their own.
    """

    key: str
    tenant: str
    computer: Computer | None
    computer_deleted: Computer | None
    devices: tuple[CloudDevice, ...]
    deleted: tuple[CloudDevice, ...]
    changed_ms: int
    events: tuple[Event, ...] = ()
    namesakes: tuple[Computer, ...] = ()

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Always: rules judge single computers too."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        living: list[Computer] = []
        dead: list[Computer] = []
        devices: list[CloudDevice] = []
        deleted: list[CloudDevice] = []
        events = events_in(entries)
        signed_in_ms = max((event.ts_ms for event in events if event.log is Log.SIGN_IN), default=0)
        for _, entry in sorted(entries.items()):
            message = entry.message
            if not isinstance(message, DeviceStatement):
                continue
            if message.party.side == "ad":
                (dead if message.deleted else living).append(computer_from(message, entry.changed_ms))
            else:
                (deleted if message.deleted else devices).append(_cloud_device(message, entry.changed_ms, signed_in_ms))
        living.sort(key=lambda each: (not each.party.in_scope, each.party.identity))
        return cls(
            key=key,
            tenant=tenant_of(key),
            computer=living[0] if living else None,
            computer_deleted=dead[0] if dead and not living else None,
            devices=tuple(devices),
            deleted=tuple(deleted),
            changed_ms=latest(entries),
            events=events,
            namesakes=tuple(living[1:]),
        )

    @property
    def is_orphan(self) -> bool:
        """Whether there are hybrid devices, and no computer behind them that we know, or knew lately."""
        return bool(self.devices) and self.computer is None and self.computer_deleted is None

    @property
    def last_sign_in(self) -> Event | None:
        """The latest use of the device that the sign-in log tells of, with its join and compliance of then."""
        return next((event for event in reversed(self.events) if event.log is Log.SIGN_IN), None)

    @property
    def device(self) -> CloudDevice | None:
        """The living device in Entra: a registered one rather than a pending one."""
        return next((each for each in self.devices if not each.pending), next(iter(self.devices), None))

    def stage(self, now_ms: int, active_within_ms: int) -> tuple[Stage, int] | None:
        """How far the computer is and since when (ms); None if AD has no such computer."""
        if self.computer is None:
            return None
        device = self.device
        if device is not None and device.registered_ms is not None:
            lately = device.signed_in_ms is not None and now_ms - device.signed_in_ms < active_within_ms
            return (Stage.ACTIVE if lately else Stage.REGISTERED), device.registered_ms
        if device is not None:
            return Stage.PENDING, self.pending_since_ms(device)
        certificate = self.computer.join_certificate
        if certificate is not None and certificate.covers(now_ms):
            return Stage.CERTIFICATE, max(certificate.not_before_ms or 0, self.computer.created_ms)
        return Stage.CREATED, self.computer.created_ms

    def pending_since_ms(self, device: CloudDevice) -> int:
        """Since when a pending device has been so, as far as is known: its audit "Add device" may know more (ms)."""
        added = audit_of(self.events, "add device", device.party.id)
        return min(added.ts_ms, device.pending_ms) if added is not None else device.pending_ms

    @property
    def join_failure(self) -> JoinFailure | None:
        """The failure of the computer's join task that no success has followed, as far as its log is read."""
        registered_ms = max((each.registered_ms or 0 for each in self.devices), default=None)
        return failure_of(self.events, registered_ms)

    def derived(self) -> Iterable[Derived]:
        """Nothing: others need not know."""
        return ()


def device_statements(state: ObjectState, scope: Scope) -> dict[str, Message]:
    """What a computer or a device says to its device view; also a dead one, as long as it is remembered."""
    key = device_view_key(state)
    if key is None:
        return {}
    ad = state.side == "ad"
    attributes = {
        name: state.attributes[name] for name in (ATTRIBUTES if ad else _CLOUD_ATTRIBUTES) if name in state.attributes
    }
    if not ad and not state.alive:
        attributes |= deletion_attributes(state)
    outside = scope.reason_outside(state) if ad and state.alive else None
    pends = not ad and not state.text("registrationDateTime")
    statement = DeviceStatement(
        party_of(state, key, outside, engine=scope.engine_of(state) if ad else None),
        attributes,
        expected=ad and scope.hybrid_join,
        moved_ms=moved_at_ms(state) if ad else 0,
        pending_ms=pending_since_ms(state) if pends else None,
        autopilot=is_autopilot(state),
        deleted=not state.alive,
    )
    return {key: statement}


def pending_since_ms(state: ObjectState) -> int:
    """Since when, at the latest, a device that never registered has been here (ms): Graph tells no time of creation.

    Whatever synchronisation wrote last, it wrote to a pending device; one that comes back is another object.
    """
    seen_ms = state.first_ms or state.changed_ms
    return min(seen_ms, time_in(state.attributes, "onPremisesLastSyncDateTime", seen_ms))


def is_autopilot(state: ObjectState) -> bool:
    """Whether a device in Entra carries a Windows Autopilot registration.

    Source: Microsoft Graph, device: physicalIds; Microsoft, "Windows Autopilot: create device groups" (the mark that
    its dynamic groups ask for is "[ZTDID]").
    """
    return any(entry.startswith(_AUTOPILOT) for entry in state.texts("physicalIds"))


def _cloud_device(device: DeviceStatement, changed_ms: int, signed_in_ms: int) -> CloudDevice:
    attributes = device.attributes
    return CloudDevice(
        party=device.party,
        device_id=str(attributes.get("deviceId", "")).lower(),
        enabled=attributes.get("accountEnabled"),
        registered_ms=time_in(attributes, "registrationDateTime", 0) or None,
        signed_in_ms=max(time_in(attributes, "approximateLastSignInDateTime", 0), signed_in_ms) or None,
        managed=attributes.get("isManaged"),
        changed_ms=changed_ms,
        autopilot=device.autopilot,
        pending_ms=device.pending_ms if device.pending_ms is not None else changed_ms,
        deletion=deletion_evidence(attributes) if device.deleted else {},
    )
