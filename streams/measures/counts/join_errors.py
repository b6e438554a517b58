"""Computers that try to join and fail, by what their own log says."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.computers import STAGES, forest_of, place
from streams.measures.family import CountFamily
from streams.views.device.device_view import DeviceView
from streams.views.device.join_errors import symbol_of

COUNT = CountFamily(
    metric="synchealth_hybrid_join_errors",
    help="Computers whose join task fails, by the symbol of the newest error in their own log.",
    labels=("forest", "error"),
    views=(DeviceView,),
)


def count(view: DeviceView, context: Context, now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each computer that ought to join."""
    failure = view.join_failure
    if view.computer is None or failure is None or place(view, context.thresholds, now_ms) not in STAGES:
        return ()
    return ((forest_of(view.computer), symbol_of(failure.client_error)),)
