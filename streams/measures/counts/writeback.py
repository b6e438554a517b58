"""Users whose latest password operation failed, by class of the failure and by Connect server."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detections.detection import Context
from streams.measures.family import CountFamily
from streams.measures.objects import forest_of
from streams.views.identity.object_view import UserView
from streams.views.password.operations import latest_failure, operations_of

COUNT = CountFamily(
    metric="synchealth_writeback_users",
    help=(
        "Users whose latest password operation failed on its way to AD, by class of the failure and by Connect server."
    ),
    labels=("forest", "class", "server"),
    views=(UserView,),
    growing=True,
)


def count(view: UserView, _context: Context, _now_ms: int) -> Iterable[tuple[str, ...]]:
    """One for each of them."""
    failure = latest_failure(operations_of(view))
    if failure is None:
        return ()
    server = failure.refusal.server if failure.refusal is not None else None
    return ((forest_of(view), str(failure.error), server or "unknown"),)
