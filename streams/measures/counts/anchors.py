"""Users whose source anchor the engine has not written to AD: one is chance, all of a forest is a missing right."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.family import CountFamily
from streams.measures.objects import forest_of
from streams.views.identity.anchors import WRITTEN_WITHIN_MS, unwritten_since_ms
from streams.views.identity.object_view import UserView

COUNT = CountFamily(
    metric="synchealth_authority_anchors",
    help="Synchronised users whose source anchor the engine has not written to AD within two hours of their export.",
    labels=("forest", "state"),
    views=(UserView,),
    told=True,
)


def count(view: UserView, _context: Context, now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each user that is late."""
    unwritten_ms = unwritten_since_ms(view)
    late = unwritten_ms is not None and now_ms >= unwritten_ms + WRITTEN_WITHIN_MS
    return ((forest_of(view), "not_written"),) if late else ()


def recount_at(view: UserView, _context: Context, _now_ms: int) -> Iterable[int]:
    """When it is late."""
    unwritten_ms = unwritten_since_ms(view)
    return (unwritten_ms + WRITTEN_WITHIN_MS,) if unwritten_ms is not None else ()
