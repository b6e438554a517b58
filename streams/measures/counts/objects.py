"""Objects by kind and by where they stand; rules hear of it (how much would the next export delete?)."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.family import CountFamily
from streams.measures.objects import forest_of, standing
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

COUNT = CountFamily(
    metric="synchealth_flow_objects",
    help="Objects by kind and by where they stand between AD and Entra ID.",
    labels=("forest", "kind", "state"),
    views=(UserView, GroupView, ContactView),
    told=True,
)


def count(view: ObjectView, _context: Context, _now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each object that synchronisation concerns."""
    state = standing(view)
    return ((forest_of(view), view.kind, state),) if state is not None else ()
