"""The whole way of a computer into hybrid join, by the times of certificate and registration, not of our looks."""

from __future__ import annotations

from collections.abc import Iterator

from streams.detections.detection import Context
from streams.measures.computers import forest_of, system, unjoined_since
from streams.measures.family import DurationFamily, DurationSample, Waits
from streams.views.device.device_view import DeviceView

DURATION = DurationFamily(
    metric="synchealth_hybrid_join_seconds",
    help="From the join certificate (or the account, where none is needed) to the registration, by operating system.",
    label="system",
    views=(DeviceView,),
)
_JOINING = "joining"
"""As rows have had it before durations had files of their own."""


def waiting(view: DeviceView, context: Context, now_ms: int) -> Waits:
    """Since when it could have joined, if it has not."""
    if view.computer is None or unjoined_since(view, context, now_ms) is None:
        return {}
    return {_JOINING: view.computer.ready_since_ms(now_ms)}


def ended(view: DeviceView, before: Waits, after: Waits, _now_ms: int) -> Iterator[DurationSample]:
    """The way, if it ended in a registration."""
    since_ms = before.get(_JOINING) if _JOINING not in after else None
    if since_ms is None or view.computer is None or view.device is None or view.device.registered_ms is None:
        return
    seconds = max(0, view.device.registered_ms - since_ms) / 1000
    of_system = system(view.computer.operating_system)
    yield DurationSample("join", view.tenant, forest_of(view.computer), of_system, seconds)
