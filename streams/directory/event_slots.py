"""Slots of events: what of an object's or a server's log stands beside each other, and for how long it is remembered.

An event takes a slot of its own where every single one counts (the steps of one password operation), or the slot of its
kind, where only the latest says anything (heartbeats, run results). Either way no more is kept than is needed, and
duplicates, replays and disorder change nothing: the newest of a slot stands. In a view the slot is the contributor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zlib import crc32

from streams.contracts.contributors import EVENT_SLOTS, ContributorKind, kind_of_contributor
from streams.contracts.events import Event, Log, Result

_DAY_MS = 86_400_000
REMEMBERED_MS: dict[ContributorKind | None, int] = {
    ContributorKind.EVENT: _DAY_MS,
    ContributorKind.LATEST: 7 * _DAY_MS,
    ContributorKind.AUDIT: 30 * _DAY_MS,
    ContributorKind.SIGN_IN: 180 * _DAY_MS,  # as long as devices are remembered: what is stale is judged by it
    ContributorKind.ACTIVE: 4 * 3_600_000,
    ContributorKind.CYCLE: _DAY_MS,
}
LONGEST_REMEMBERED_MS = max(REMEMBERED_MS.values())
LOG_REMEMBERED_MS = max(ms for slot, ms in REMEMBERED_MS.items() if slot is not ContributorKind.SIGN_IN)
# Steps of 904 are told apart by their words; whatever these hold, there are no more slots than this.
_STEP_SLOTS = 64
_REMARK = "remark"

PASSWORD_SERVICE = "self-service password management"  # noqa: S105  the name of a log
_OPERATIONS = ("passwordresetservice/310", "passwordresetservice/330", "adsync/6329")
_OF_THE_SERVICE = (31015, 31016, 31017, 31018, 31019, 31034, 31044)
_HEARTBEATS = frozenset(f"passwordresetservice/{number}" for number in _OF_THE_SERVICE)
_DEVICE_CATEGORY = "device"
_AUTHORITY = "source of authority"
JOIN_LOG = "user device registration/"

EXPORT_ERROR = "adsync/6941"
"""Entra ID refused an object at an export."""

HELD_BACK_EVENT = "directory synchronization/116"
"""The deletion threshold, where its result is a failure; as information it tells the settings."""

GROUP_PROVISIONING = "AAD2ADGroupProvisioning"
"""The kind of job by which Cloud Sync writes groups of the cloud into AD."""


def slot_of(event: Event) -> str:
    """The slot an event takes in the views that hear of it."""
    if is_operation(event):
        return ContributorKind.EVENT.named(event.id)
    if event.log is Log.AUDIT and _AUTHORITY in event.name:
        return ContributorKind.AUDIT.named(event.name)
    if event.log is Log.AUDIT and str(event.details.get("category")).lower() == _DEVICE_CATEGORY:
        return ContributorKind.AUDIT.named(event.name, event.entra_id)
    if event.name.startswith(JOIN_LOG) and event.result is Result.FAILURE:
        instance = event.details.get("drs_instance")  # AD FS's registrations run beside Entra's
        day = event.ts_ms // _DAY_MS  # one a day: for how long it has been failing counts
        return ContributorKind.LATEST.named(event.name, day, *([instance] if instance else ()))
    if event.log is Log.SIGN_IN:
        return ContributorKind.SIGN_IN.named("last")
    of_what = event.details.get("job_kind") or event.details.get("connector")
    parts = [event.name, *([of_what] if of_what else ()), *([_REMARK] if is_remark(event) else ())]
    return ContributorKind.LATEST.named(*parts)


def server_slot_of(event: Event) -> str:
    """The slot an event takes in the view of the server that logged it."""
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
    if is_remark(event):
        parts.append(_REMARK)
    return ContributorKind.LATEST.named(*(part for part in parts if part))


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


def forgotten_ms(slot: str, ts_ms: int) -> int:
    """When a view forgets what happened at `ts_ms`, by its slot (ms)."""
    return ts_ms + REMEMBERED_MS[kind_of_contributor(slot)]


def is_remembered(slot: str, event: Event, now_ms: int) -> bool:
    """Whether a view that heard of the event still knows of it."""
    return forgotten_ms(slot, event.ts_ms) > now_ms


def order_of(event: Event) -> int:
    """Which of two events of one slot stands: the later one; of two in one millisecond, always the same one."""
    return event.ts_ms << 16 | crc32(event.id.encode()) & 0xFFFF


def is_event(contributor: str) -> bool:
    """Whether a contributor is an event rather than an object."""
    return kind_of_contributor(contributor) in EVENT_SLOTS


def is_past(contributor: str) -> bool:
    """Whether a contributor tells of something that happened, and not of what is."""
    return is_event(contributor) or kind_of_contributor(contributor) in (
        ContributorKind.REFUSAL,
        ContributorKind.ACTIVE,
    )


def is_remark(event: Event) -> bool:
    """Whether a Windows log itself calls it no fault. The same id may be one: neither takes the other's slot."""
    return event.log is Log.WINDOWS and event.details.get("level") in ("information", "verbose")


def is_operation(event: Event) -> bool:
    """Whether it is a step of a password operation."""
    if event.log is Log.AUDIT:
        return event.details.get("service") == PASSWORD_SERVICE and event.entra_id is not None
    return event.name.startswith(_OPERATIONS) and event.name not in _HEARTBEATS
