"""What the next export deletes in the cloud, by the engine that does: each has a threshold of its own."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.family import CountFamily
from streams.measures.objects import forest_of, standing
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

COUNT = CountFamily(
    metric="synchealth_flow_leaving",
    help="Objects that the next export deletes in the cloud, by the engine that does, where that is known.",
    labels=("forest", "engine"),
    views=(UserView, GroupView, ContactView),
    told=True,
)


def count(view: ObjectView, context: Context, _now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each of them whose sides are of one engine, as far as that is known."""
    if standing(view) not in ("leaving_scope", "leaving_deleted"):
        return ()
    engines = {context.engine_of(side.party) for side in (*view.ad, *view.gone)}
    engine = engines.pop() if len(engines) == 1 else None
    return ((forest_of(view), engine),) if engine is not None else ()
