"""The contributions of one view to others: what its kind derives, and the explanations of its findings. Pure."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Raw

from streams.contracts.views import RETRACTED, Contribution
from streams.detections.detection import Context
from streams.evaluation.explaining import BETWEEN, Bodies
from streams.evaluation.outcome import Look
from streams.views.registry import AnyView
from streams.views.view import Derived


class Emitted(NamedTuple):
    """The contributions of a view to others after a look.

    bodies:  "<view>\0<contributor>" -> body: all that stand. seq: the number of its newest contribution.
    changes: the contributions to publish: new and changed bodies, and retractions of what is derived no more.
    wake_ms: when to look again.
    """

    bodies: Bodies
    seq: int
    changes: list[Contribution]
    wake_ms: list[int]


def derive(view: AnyView, previous: Bodies, seq: int, explanations: Bodies, look: Look) -> Emitted:
    """The contributions of this view to others now, and the retractions of earlier ones.

    previous, seq: as after the last look. explanations: those of its findings.
    """
    derived, wake_ms = derived_bodies(view, previous, look.context, look.now_ms)
    bodies = explanations | derived
    if bodies == previous:
        return Emitted(previous, seq, [], wake_ms)
    changed: list[tuple[str, Raw]] = [(name, RETRACTED) for name in previous if name not in bodies]
    changed += [(name, body) for name, body in bodies.items() if previous.get(name) != body]
    contributions = []
    for name, body in changed:
        # Above every earlier one, even if this row was forgotten in between.
        seq = max(seq + 1, look.now_ms)
        view_key, _, contributor = name.partition(BETWEEN)
        contributions.append(
            Contribution(view=view_key, contributor=contributor, seq=seq, changed_ms=look.observed_ms, body=body)
        )
    return Emitted(bodies, seq, contributions, wake_ms)


def derived_bodies(view: AnyView, previous: Bodies, context: Context, now_ms: int) -> tuple[Bodies, list[int]]:
    """What the kind of view derives and may be emitted by now, by name; and when the rest may be (ms).

    previous: as emitted after the last look; what is among it stays, whatever it would have to wait for now.
    """
    bodies: Bodies = {}
    wake_ms: list[int] = []
    for item in view.derived():
        name = f"{item.view}{BETWEEN}{item.contributor}"
        at_ms = _emitted_from_ms(item, context)
        if name in previous or (at_ms is not None and at_ms <= now_ms):
            bodies[name] = item.body
        elif at_ms is not None:
            wake_ms.append(at_ms)
    return bodies, wake_ms


def _emitted_from_ms(item: Derived, context: Context) -> int | None:
    """From when on this is emitted (ms); None: not before the tenant, or AD, was read whole."""
    if item.once_read:
        return 0 if context.forests_read else None
    if item.absent_since_ms is None:
        return 0
    return item.absent_since_ms + context.patience_ms if context.collected else None
