"""How long things take: what a view waits for, and since when; the end of a wait is a measurement.

A change in AD waits for the cloud to show it; a computer waits in each stage of hybrid join. Whoever restarts in
between measures once more or once less: these are samples for histograms, not an account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.detections.detection import Context
from streams.views.device import DeviceView
from streams.views.directory_object import ObjectView
from streams.views.registry import AnyView


@dataclass(frozen=True, slots=True)
class Measure:
    """One wait that is over. subject: "flow" or "stage"; label: the kind of object, or the stage; seconds >= 0."""

    subject: str
    tenant: str
    forest: str
    label: str
    seconds: float


def waiting(view: AnyView, context: Context, now_ms: int) -> dict[str, int]:
    """What the view waits for -> since when (ms)."""
    found = _WAITS.get(type(view))
    return dict(found(view, context, now_ms)) if found is not None else {}


def measured(view: AnyView, before: Mapping[str, int], after: Mapping[str, int], now_ms: int) -> list[Measure]:
    """The waits that ended with this look at the view."""
    if not before:
        return []
    subject = "stage" if isinstance(view, DeviceView) else "flow"
    forest = _forest(view)
    if forest is None:  # whoever waited has gone: nothing has arrived
        return []
    over = {what: since_ms for what, since_ms in before.items() if what not in after}
    return [
        Measure(
            subject, view.tenant, forest, what if subject == "stage" else _kind(view), max(0, now_ms - since_ms) / 1000
        )
        for what, since_ms in over.items()
    ]


def _stage(view: DeviceView, context: Context, now_ms: int) -> Mapping[str, int]:
    computer = view.computer
    found = view.stage(now_ms, context.thresholds.device_stale_ms)
    if computer is None or found is None or computer.outside(now_ms, context.thresholds.computer_seen_ms):
        return {}
    stage, since_ms = found
    return {} if stage in ("registered", "active") else {str(stage): since_ms}


def _forest(view: AnyView) -> str | None:
    if isinstance(view, DeviceView):
        return (view.computer.party.forest or "none") if view.computer is not None else None
    if isinstance(view, ObjectView):
        return next((side.party.forest or "none" for side in view.ad), None)
    return None


def _kind(view: AnyView) -> str:
    return view.kind if isinstance(view, ObjectView) else "other"


_WAITS: dict[type[Any], Callable[[Any, Context, int], Mapping[str, int]]] = {DeviceView: _stage}
