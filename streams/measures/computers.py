"""Where a computer stands on its way into hybrid join, and in which words it is counted: stage, system, unit, age."""

from __future__ import annotations

import re
from functools import lru_cache

from streams.contracts.distinguished_name import parts, value_of
from streams.detections.detection import Context, Thresholds
from streams.views.device.computer import Computer
from streams.views.device.device_view import DeviceView, Stage

STAGES = tuple(map(str, Stage))
JOINED = (str(Stage.REGISTERED), str(Stage.ACTIVE))
UNJOINED = tuple(stage for stage in STAGES if stage not in JOINED)

# From its certificate to its registration a computer takes up to 90 minutes while it is on.
AGE_LIMITS_MS = {"under 2 hours": 7_200_000, "under 1 day": 86_400_000, "under 7 days": 604_800_000}
AGES = (*AGE_LIMITS_MS, "7 days or more")
_UNIT_DEPTH = 3


def place(view: DeviceView, thresholds: Thresholds, now_ms: int) -> str | None:
    """Where a computer stands: one of STAGES, or why it does not count; None where AD has no such computer.

    Reasons: domain_controller, disabled, unsupported_system, out_of_scope, not_seen (Computer.outside), and
    not_planned: its forest is not set up for hybrid join, and it has not begun.
    """
    computer, found = view.computer, view.stage(now_ms, thresholds.device_stale_ms)
    if computer is None or found is None:
        return None
    outside = computer.outside(now_ms, thresholds.computer_seen_ms)
    if outside is None and found[0] is Stage.CREATED and not computer.expected:
        return "not_planned"
    return outside or str(found[0])


def unjoined(view: DeviceView, context: Context, now_ms: int) -> Computer | None:
    """The computer, where it ought to join and has not."""
    return view.computer if place(view, context.thresholds, now_ms) in UNJOINED else None


def unjoined_since(view: DeviceView, context: Context, now_ms: int) -> tuple[str, int] | None:
    """The stage in which a computer of interest waits to join, and since when (ms); None for every other."""
    computer = view.computer
    if not context.devices_collected:
        return None  # the first reading tells of computers before it tells of their devices
    found = view.stage(now_ms, context.thresholds.device_stale_ms)
    if computer is None or found is None or computer.outside(now_ms, context.thresholds.computer_seen_ms):
        return None
    stage, since_ms = found
    return (str(stage), since_ms) if stage not in JOINED else None


def forest_of(computer: Computer) -> str:
    """The forest of a computer; "none" where it is unknown."""
    return computer.party.forest or "none"


_SYSTEM = re.compile(r"windows (server )?(\d{2,4}( r2)?|xp|vista)", re.IGNORECASE)


def system(name: str | None) -> str:
    """The family of an operating system, one of few: "windows 11", "windows server 2022", "other", "unknown"."""
    if not name:
        return "unknown"
    found = _SYSTEM.match(name)
    return found[0].lower() if found else "other"


def age(waited_ms: int) -> str:
    """How long something has waited, in one of AGES."""
    return next((name for name, limit in AGE_LIMITS_MS.items() if waited_ms < limit), AGES[-1])


@lru_cache(maxsize=4096)  # few units for many computers
def unit_of(distinguished_name: str | None) -> str:
    """The organisational unit of an object as a path from the top, "Sites/Graz/Computers", at most three deep.

    >>> unit_of("CN=PC1,OU=Computers,OU=Graz,DC=corp,DC=local")
    'Graz/Computers'
    """
    named = map(value_of, reversed(parts(distinguished_name or "")[1:]))
    units = [name for kind, name in named if kind in {"ou", "cn"}]
    return "/".join(units[:_UNIT_DEPTH]) or "(none)"
