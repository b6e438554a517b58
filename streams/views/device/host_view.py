"""The host view: every Windows device in Entra that goes by one name, and the AD computers of that name.

Key: host/<tenant>/<folded name>. Contributors: "ad/<AD object>", "entra/<object id>", and the events of the
computer's own log. Telephones are left out:
thousands are called "iPhone".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import msgspec

from streams.contracts import view_keys
from streams.contracts.distinguished_name import dns_domain
from streams.contracts.events import Event
from streams.contracts.facts import ObjectKind
from streams.contracts.times import time_in
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.directory.event_slots import is_event, slot_of
from streams.directory.party import Party, party_of
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.views.device.device_view import is_autopilot
from streams.views.events import events_in
from streams.views.messages import HostStatement, Message, written
from streams.views.view import Derived, Entry, latest


class NamedDevice(msgspec.Struct, frozen=True):
    """A device in Entra: what kind of join it has (ServerAd, AzureAd, Workplace), and when it last signed in.

    autopilot: it is, or carries, a Windows Autopilot registration, which no clean-up may delete.
    registered_ms: when it was registered; 0: it was not.
    """

    party: Party
    device_id: str
    trust: str
    signed_in: str | None
    managed: bool | None
    changed_ms: int
    autopilot: bool = False
    registered_ms: int = 0

    @property
    def since_ms(self) -> int:
        """Since when it has been there, as the directory says; else when we saw it change."""
        return self.registered_ms or self.changed_ms


class HostView(msgspec.Struct, frozen=True):
    """Everything that goes by one name."""

    key: str
    tenant: str
    name: str
    computers: tuple[Party, ...]
    devices: tuple[NamedDevice, ...]
    changed_ms: int
    events: tuple[Event, ...] = ()

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Two of one name (one computer and its device are told apart by the rules), or a log has something to say."""
        return len(entries) > 1 or any(map(is_event, entries))

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        computers: list[Party] = []
        devices: list[NamedDevice] = []
        for _, entry in sorted(entries.items()):
            message = entry.message
            if not isinstance(message, HostStatement):
                continue
            if message.party.side == "ad":
                computers.append(message.party)
                continue
            devices.append(
                NamedDevice(
                    message.party,
                    message.device_id,
                    message.trust,
                    message.signed_in,
                    message.managed,
                    entry.changed_ms,
                    message.autopilot,
                    message.registered_ms,
                )
            )
        name, events = rest_of_key(key), events_in(entries)
        return cls(key, tenant_of(key), name, tuple(computers), tuple(devices), latest(entries), events)

    def of_trust(self, *trusts: str) -> list[NamedDevice]:
        """The devices with one of these kinds of join."""
        return [device for device in self.devices if device.trust in trusts]

    def derived(self) -> Iterable[Derived]:
        """Tell each computer's own view what its join task logged: the log knows only the computer's name."""
        return [
            Derived(view_keys.device(self.tenant, computer.id), slot_of(event), written(event))
            for event in self.events
            for computer in self._logged_by(event)
        ]

    def _logged_by(self, event: Event) -> Sequence[Party]:
        """Of several computers of one name that of the event's domain; where none is, nobody: a guess would tell the
        fault of one machine of another.
        """
        if len(self.computers) < 2 or event.domain is None:
            return self.computers
        return [
            computer for computer in self.computers if dns_domain(computer.distinguished_name or "") == event.domain
        ]


def host_statements(state: ObjectState, scope: Scope) -> dict[str, Message]:
    """What a living computer or Windows device says to the view of its name."""
    if state.kind is not ObjectKind.DEVICE or not state.alive:
        return {}
    ad = state.side == "ad"
    name = state.text("name") if ad else state.text("displayName")
    if name is None:
        return {}
    key = view_keys.host(state.tenant, name)
    party = party_of(state, None, scope.reason_outside(state) if ad else None)
    if ad:
        return {key: HostStatement(party)}
    device_id, trust = state.text("deviceId"), state.text("trustType")
    if device_id is None or trust is None or not (state.text("operatingSystem") or "").lower().startswith("windows"):
        return {}
    managed = state.attributes.get("isManaged")
    statement = HostStatement(
        party,
        device_id.lower(),
        trust,
        signed_in=state.text("approximateLastSignInDateTime"),
        managed=managed if isinstance(managed, bool) else None,
        autopilot=is_autopilot(state),
        registered_ms=time_in(state.attributes, "registrationDateTime", 0),
    )
    return {key: statement}
