"""Computers that have not joined, by how long they could have."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.computers import AGE_LIMITS_MS, age, forest_of, unjoined
from streams.measures.family import CountFamily
from streams.views.device.device_view import DeviceView

COUNT = CountFamily(
    metric="synchealth_hybrid_join_age_unjoined",
    help="Computers that ought to join and have not, by how long they could have: since the certificate, or creation.",
    labels=("forest", "age"),
    views=(DeviceView,),
)


def count(view: DeviceView, context: Context, now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each of them."""
    computer = unjoined(view, context, now_ms)
    return ((forest_of(computer), age(now_ms - computer.ready_since_ms(now_ms))),) if computer is not None else ()


def recount_at(view: DeviceView, _context: Context, now_ms: int) -> Iterable[int]:
    """When a computer that has not joined is older than an age."""
    if view.computer is None or (view.device is not None and not view.device.pending):
        return ()
    return (view.computer.ready_since_ms(now_ms) + limit for limit in AGE_LIMITS_MS.values())
