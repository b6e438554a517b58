"""The funnel of hybrid join: computers by stage, or by why they do not count."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.computers import forest_of, place, system
from streams.measures.family import CountFamily
from streams.views.device.device_view import DeviceView

COUNT = CountFamily(
    metric="synchealth_hybrid_join_computers",
    help="Computers by stage of hybrid join, or by why they do not count.",
    labels=("forest", "stage", "system"),
    views=(DeviceView,),
)


def count(view: DeviceView, context: Context, now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each computer of AD."""
    stands = place(view, context.thresholds, now_ms)
    if view.computer is None or stands is None:
        return ()
    return ((forest_of(view.computer), stands, system(view.computer.operating_system)),)


def recount_at(view: DeviceView, context: Context, _now_ms: int) -> Iterable[int]:
    """When an account nobody uses counts as dead, a certificate begins or ends, a device counts as stale."""
    if view.computer is None:
        return
    yield view.computer.dead_at_ms(context.thresholds.computer_seen_ms)
    certificate, device = view.computer.join_certificate, view.device
    if certificate is not None:
        yield from (end for end in (certificate.not_before_ms, certificate.not_after_ms) if end is not None)
    if device is not None and device.signed_in_ms is not None:
        yield device.signed_in_ms + context.thresholds.device_stale_ms
