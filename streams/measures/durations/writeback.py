"""From the request of a password in the cloud to AD showing it.

AD mostly shows the new password before any log tells that one was asked for: so what stands in the row is that it has
landed ("writeback/<kind>"), and its appearance is the measurement.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.contracts.events import Result
from streams.detections.detection import Context
from streams.measures.family import DurationFamily, DurationSample, Waits
from streams.views.identity.object_view import UserView
from streams.views.password.operations import PasswordOperation, latest_password, operations_of
from streams.views.password.operations_groups import TOGETHER_MS

DURATION = DurationFamily(
    metric="synchealth_writeback_landing_seconds",
    help="From the request of a password in the cloud to AD showing it, by kind of operation.",
    label="kind",
    views=(UserView,),
)
_LANDED = "writeback/"


def waiting(view: UserView, _context: Context, _now_ms: int) -> Waits:
    """The latest password operation that has landed, and when it was begun."""
    landed = _landed(view)
    return {f"{_LANDED}{landed.kind}": landed.started_ms} if landed is not None else {}


def ended(view: UserView, before: Waits, after: Waits, _now_ms: int) -> Iterator[DurationSample]:
    """Once per operation: that more is told of it later moves its beginning by minutes and makes it no other."""
    for what, started_ms in after.items():
        known_ms = before.get(what)
        if what.startswith(_LANDED) and (known_ms is None or abs(started_ms - known_ms) > TOGETHER_MS):
            landed = _landed(view)
            if landed is not None and landed.landed_ms is not None:
                forest = next((side.party.forest or "none" for side in view.in_scope), "none")
                seconds = (landed.landed_ms - landed.started_ms) / 1000
                yield DurationSample("writeback", view.tenant, forest, landed.kind, seconds)


def _landed(view: UserView) -> PasswordOperation | None:
    """The latest password operation, if AD shows its password."""
    latest = latest_password(operations_of(view))
    return latest if latest is not None and latest.landed_ms is not None and latest.result is Result.SUCCESS else None
