"""Events on their way to views: which view hears of an event, and how long it remembers it.

An event takes a slot in a view: of its own where every single one counts (the steps of one password operation),
or the slot of its kind, where only the latest says anything (heartbeats, run results). Either way the view keeps
no more than it needs, and duplicates, replays and disorder change nothing: the newest of a slot stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

import msgspec

from streams.contracts.events import UNKNOWN_SERVERS, Event, Log, Result
from streams.contracts.facts import Fact, Operation, Origin
from streams.contracts.identity import guid_of_immutable_id
from streams.contracts.views import Contribution
from streams.directory.addresses import fold_address, fold_proxy_address
from streams.views.installation.export_steps import is_cloud_export
from streams.views.password.hash_sync_codes import is_busy
from streams.views.password.traces import REFUSAL, is_unnamed_trace, refusal_body, trace_keys
from streams.views.view import Entry

EVENT = "event/"
LATEST = "latest/"
ACTIVE = "active/"
AUDIT = "audit/"
SIGN_IN = "sign-in/"
CYCLE = "cycle/"

_DAY_MS = 86_400_000
REMEMBERED_MS = {
    EVENT: _DAY_MS,
    LATEST: 7 * _DAY_MS,
    AUDIT: 30 * _DAY_MS,
    SIGN_IN: 180 * _DAY_MS,  # as long as devices are remembered: what is stale is judged by it
    ACTIVE: 4 * 3_600_000,
    CYCLE: _DAY_MS,
}
LONGEST_REMEMBERED_MS = max(REMEMBERED_MS.values())
_REMARK = "remark"
LOG_REMEMBERED_MS = max(ms for slot, ms in REMEMBERED_MS.items() if slot != SIGN_IN)
# Steps of 904 are told apart by their words; whatever these hold, there are no more slots than this.
_STEP_SLOTS = 64
# How fine exports of a server, and beginnings of its cycles, are told apart in time.
_ACTIVE_MS = 10_000
# How fine the tries of a password hash synchronisation that finds the service busy are told apart.
_BUSY_MS = 1_800_000
# Password hashes are written every two minutes, whether synchronisation runs or not.
_PASSWORD_WRITES = ("change user password", "reset user password", "update passwordprofile", "update stsrefreshtoken")

PASSWORD_SERVICE = "self-service password management"  # noqa: S105  the name of a log
_OPERATIONS = ("passwordresetservice/310", "passwordresetservice/330", "adsync/6329")
_OF_THE_SERVICE = (31015, 31016, 31017, 31018, 31019, 31034, 31044)
_HEARTBEATS = frozenset(f"passwordresetservice/{number}" for number in _OF_THE_SERVICE)
_TENANT_CATEGORIES = frozenset({"directorymanagement", "policy", "sourceofauthoritypolicy"})
_TENANT_SERVICES = frozenset({"application proxy"})
_DEVICE_CATEGORY = "device"
_AUTHORITY = "source of authority"
JOIN_LOG = "user device registration/"
_SECURITY_LOG = "security/"

EXPORT_ERROR = "adsync/6941"
"""Entra ID refused an object at an export."""

HELD_BACK_EVENT = "directory synchronization/116"
"""The deletion threshold, where its result is a failure; as information it tells the settings."""

GROUP_PROVISIONING = "AAD2ADGroupProvisioning"
"""The kind of job by which Cloud Sync writes groups of the cloud into AD."""


def slot_of(event: Event) -> str:
    """The slot an event takes in the views that hear of it."""
    if _is_operation(event):
        return f"{EVENT}{event.id}"
    if event.log is Log.AUDIT and _AUTHORITY in event.name:
        return f"{AUDIT}{event.name}"
    if event.log is Log.AUDIT and str(event.details.get("category")).lower() == _DEVICE_CATEGORY:
        return f"{AUDIT}{event.name}/{event.entra_id}"
    if event.name.startswith(JOIN_LOG) and event.result is Result.FAILURE:
        instance = event.details.get("drs_instance")  # AD FS's registrations run beside Entra's
        day = f"{LATEST}{event.name}/{event.ts_ms // _DAY_MS}"  # one a day: for how long it has been failing counts
        return f"{day}/{instance}" if instance else day
    if event.log is Log.SIGN_IN:
        return f"{SIGN_IN}last"
    of_what = event.details.get("job_kind") or event.details.get("connector")
    slot = f"{LATEST}{event.name}/{of_what}" if of_what else f"{LATEST}{event.name}"
    return f"{slot}/{_REMARK}" if _is_remark(event) else slot


def contributions_of_event(event: Event) -> list[Contribution]:
    """What an event says to views whose key it knows: of its server, computer or forest, its user, its tenant."""
    said = []
    if event.name.startswith(_SECURITY_LOG) and event.details.get("forest"):
        # Logged by a domain controller, which is no server of ours.
        return [_word(f"forest/{event.tenant}/{event.details['forest']}", f"{AUDIT}{event.name}", event)]
    if event.name == UNKNOWN_SERVERS:
        return [_word(f"tenant/{event.tenant}", f"{LATEST}{event.name}/{event.details.get('table')}", event)]
    if event.server is not None:
        joins = event.name.startswith(JOIN_LOG)
        # Computers of one name in two domains each keep their own latest.
        own = f"@{event.domain}" if event.domain else ""
        kind, slot = ("host", slot_of(event)) if joins else ("server", f"{LATEST}{_server_slot(event)}")
        said.append(_word(f"{kind}/{event.tenant}/{event.server}", f"{slot}{own}", event))
        # Not only the latest: was a fault before this cycle or in it, and do servers export in turns?
        if event.details.get("cycle") == "started":
            slot = f"{CYCLE}{event.ts_ms // _ACTIVE_MS}{own}"
            said.append(_word(f"server/{event.tenant}/{event.server}", slot, event))
        elif is_busy(event):  # for how long has it been so?
            slot = f"{CYCLE}busy/{event.ts_ms // _BUSY_MS}{own}"
            said.append(_word(f"server/{event.tenant}/{event.server}", slot, event))
        elif is_cloud_export(event):
            slot = f"{CYCLE}export/{event.ts_ms // _ACTIVE_MS}{own}"
            said.append(_word(f"server/{event.tenant}/{event.server}", slot, event))
    if event.source_anchor is not None:
        said.append(_word(f"user/{event.tenant}/{event.source_anchor}", slot_of(event), event))
    address = _refused_address(event) or _signs_in_by(event)
    if address is not None:
        said.append(_word(f"address/{event.tenant}/{address}", slot_of(event), event))
    if is_unnamed_trace(event):
        said += [_word(view, f"{EVENT}{event.id}", event) for view in trace_keys(event)]
    elif (refused := refusal_body(event)) is not None:
        said += [
            Contribution(
                view=view,
                contributor=f"{REFUSAL}{event.id}",
                seq=order_of(event),
                changed_ms=event.ts_ms,
                body=refused,
                expires_ms=event.ts_ms + REMEMBERED_MS[EVENT],
            )
            for view in trace_keys(event)
        ]
    if event.log is Log.SIGN_IN and event.object_guid is not None:
        said.append(_word(f"device/{event.tenant}/{event.object_guid}", slot_of(event), event))
    if event.entra_id and _writes_group(event):
        said.append(_word(f"written_group/{event.tenant}/{event.entra_id}", slot_of(event), event))
    if event.log is Log.AUDIT:
        tenant = f"tenant/{event.tenant}"
        category, service = event.details.get("category"), event.details.get("service")
        if str(category).lower() in _TENANT_CATEGORIES or str(service).lower() in _TENANT_SERVICES:
            said.append(_word(tenant, f"{AUDIT}{event.name}", event))
        server = event.details.get("sync_server")
        if server:
            password = {"password": True} if event.name.startswith(_PASSWORD_WRITES) else {}
            slot = f"{server}/{event.ts_ms // _ACTIVE_MS}"
            said.append(
                Contribution(
                    view=tenant,
                    contributor=f"{ACTIVE}{slot}/password" if password else f"{ACTIVE}{slot}",
                    seq=event.ts_ms,
                    changed_ms=event.ts_ms,
                    body={"server": server, "ts_ms": event.ts_ms, **password},
                    expires_ms=event.ts_ms + REMEMBERED_MS[ACTIVE],
                )
            )
    return said


def fact_of_event(event: Event) -> tuple[Origin, Fact] | None:
    """The event as a word about an object whose view only the object itself knows; None where it has none.

    That is its Entra object; or of a refused export the AD object, for the source anchor of a group or a contact is its
    objectGUID and not the key of its view. Exports are left out: that an object was written is seen on the object.
    """
    if event.name == EXPORT_ERROR:
        guid = guid_of_immutable_id(event.source_anchor) if event.source_anchor else None
        return (
            (Origin(name=f"ad/{event.tenant}", side="ad", tenant=event.tenant), _logged(event, guid)) if guid else None
        )
    if event.entra_id is None or event.source_anchor is not None:
        return None
    if "sync_server" in event.details and event.details.get("category") != "Device":
        return None
    return Origin(name=f"entra/{event.tenant}", side="entra", tenant=event.tenant), _logged(event, event.entra_id)


def _logged(event: Event, object_id: str) -> Fact:
    return Fact(op=Operation.LOGGED, object_id=object_id, seq=event.ts_ms << 12, ts_ms=event.seen_ms, events=[event])


def remembered(known: Mapping[str, Event], told: Iterable[Event], most: int = 40) -> dict[str, Event]:
    """An object's events after more were told: the newest of each slot, and of all slots the newest `most`."""
    kept = dict(known)
    for event in told:
        slot = slot_of(event)
        before = kept.get(slot)
        if before is None or order_of(before) <= order_of(event):
            kept[slot] = event
    newest = sorted(kept.items(), key=lambda item: order_of(item[1]), reverse=True)[:most]
    return dict(sorted(newest))


def words_of(view: str, identity: str, events: Mapping[str, Event]) -> list[Contribution]:
    """What an object's events say to its view. Others may share that view and leave it: each has slots of its own."""
    return [_word(view, f"{slot}@{identity}", event) for slot, event in events.items()]


def is_remembered(slot: str, event: Event, now_ms: int) -> bool:
    """Whether a view that heard of the event still knows of it."""
    return event.ts_ms + REMEMBERED_MS[f"{slot.partition('/')[0]}/"] > now_ms


def events_in(entries: Mapping[str, Entry]) -> tuple[Event, ...]:
    """The events among a view's contributions, the oldest first, each once."""
    found = {}
    for contributor, entry in entries.items():
        if is_event(contributor):
            event = msgspec.convert(entry.body, Event)
            found[event.id] = event
    return tuple(sorted(found.values(), key=order_of))


def is_event(contributor: str) -> bool:
    """Whether a contributor is an event rather than an object."""
    return contributor.startswith((EVENT, LATEST, AUDIT, SIGN_IN, CYCLE))


def is_past(contributor: str) -> bool:
    """Whether a contributor tells of something that happened, and not of what is."""
    return is_event(contributor) or contributor.startswith((REFUSAL, ACTIVE))


def _refused_address(event: Event) -> str | None:
    """The folded address that was refused, where the event names no object: its view knows who claims it."""
    attribute, value = event.details.get("attribute"), event.details.get("value")
    if event.name != EXPORT_ERROR or event.source_anchor is not None or not isinstance(value, str):
        return None
    if str(attribute).lower() not in ("userprincipalname", "mail", "proxyaddresses", "proxyaddress"):
        return None
    address = fold_proxy_address(value)
    return address.folded if address is not None else None


def _signs_in_by(event: Event) -> str | None:
    """The folded UPN of a step of a password operation that tells nothing else of its user, as every first one does."""
    if event.log is not Log.WINDOWS or not _is_operation(event) or event.entra_id or event.source_anchor:
        return None
    address = fold_address(event.user_principal_name or "")
    return address.folded if address is not None else None


def _writes_group(event: Event) -> bool:
    """Whether Cloud Sync tells of a group on its way to AD; the same job writes users, too. Unsaid: a group."""
    details = event.details
    wrote = event.log is Log.PROVISIONING and details.get("job_kind") == GROUP_PROVISIONING
    return wrote and details.get("identity_type", "group") == "group"


def _word(view: str, slot: str, event: Event) -> Contribution:
    body: dict[str, Any] = msgspec.to_builtins(event)
    prefix = f"{slot.partition('/')[0]}/"
    return Contribution(
        view=view,
        contributor=slot,
        seq=order_of(event),
        changed_ms=event.ts_ms,
        body=body,
        expires_ms=event.ts_ms + REMEMBERED_MS[prefix],
    )


def _server_slot(event: Event) -> str:
    details = event.details
    parts = [
        event.name,
        # Forests and domains never share a slot.
        details.get("connector") or details.get("partition") or details.get("connector_id") or details.get("domain"),
        details.get("run_profile"),
        details.get("cycle"),
        details.get("step"),
    ]
    if "step_name" in details:
        parts.append(f"{crc32(str(details['step_name']).encode()) % _STEP_SLOTS}")
    if _is_remark(event):
        parts.append(_REMARK)
    return "/".join(str(part) for part in parts if part)


def _is_remark(event: Event) -> bool:
    """Whether a Windows log itself calls it no fault. The same id may be one: neither takes the other's slot."""
    return event.log is Log.WINDOWS and event.details.get("level") in ("information", "verbose")


def _is_operation(event: Event) -> bool:
    if event.log is Log.AUDIT:
        return event.details.get("service") == PASSWORD_SERVICE and event.entra_id is not None
    return event.name.startswith(_OPERATIONS) and event.name not in _HEARTBEATS


def order_of(event: Event) -> int:
    """Which of two events of one slot stands: the later one; of two in one millisecond, always the same one."""
    return event.ts_ms << 16 | crc32(event.id.encode()) & 0xFFFF
