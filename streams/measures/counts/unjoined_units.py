"""Computers that have not joined, by organisational unit: where to look first."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.computers import forest_of, unit_of, unjoined
from streams.measures.family import CountFamily
from streams.views.device.device_view import DeviceView

COUNT = CountFamily(
    metric="synchealth_hybrid_join_unit_unjoined",
    help="Computers that ought to join and have not, by organisational unit; units beyond the largest as (other).",
    labels=("forest", "unit"),
    views=(DeviceView,),
    growing=True,
)


def count(view: DeviceView, context: Context, now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each of them."""
    computer = unjoined(view, context, now_ms)
    return ((forest_of(computer), unit_of(computer.party.distinguished_name)),) if computer is not None else ()
