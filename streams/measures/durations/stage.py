"""How long a computer stands in a stage of hybrid join before it comes further."""

from __future__ import annotations

from collections.abc import Iterator

from streams.detections.detection import Context
from streams.measures.computers import STAGES, forest_of, unjoined_since
from streams.measures.family import DurationFamily, DurationSample, Waits
from streams.views.device.device_view import DeviceView

DURATION = DurationFamily(
    metric="synchealth_hybrid_join_stage_seconds",
    help="How long computers stood in a stage of hybrid join before they came further.",
    label="stage",
    views=(DeviceView,),
)


def waiting(view: DeviceView, context: Context, now_ms: int) -> Waits:
    """The stage in which it stands, if it is not joined."""
    found = unjoined_since(view, context, now_ms)
    return {found[0]: found[1]} if found is not None else {}


def ended(view: DeviceView, before: Waits, after: Waits, now_ms: int) -> Iterator[DurationSample]:
    """The stage that it left for a later one."""
    if view.computer is None:
        return
    for stage, since_ms in before.items():
        if stage in STAGES and stage not in after and _further(view, stage, after):
            seconds = max(0, now_ms - since_ms) / 1000
            yield DurationSample("stage", view.tenant, forest_of(view.computer), stage, seconds)


def _further(view: DeviceView, stage: str, after: Waits) -> bool:
    """Whether a computer came from this stage to a later one, rather than to an earlier one or out of the count."""
    later = STAGES[STAGES.index(stage) + 1 :]
    return any(each in later for each in after) or (view.device is not None and not view.device.pending)
