"""A password that the cloud has written, or a server begun to write, and AD does not show: is AD's silence news?

Only as far as AD has been read. The user's view asks its forest until when that is (streams.views.questions) for as
long as such an operation stands; the forest answers with every word of its source, and not at all where the source
never says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.events import Result
from streams.views.password.operations import PasswordOperation, latest_password, must_change, operations_of, set_ms
from streams.views.password.operations_events import UNLOCK
from streams.views.password.operations_groups import TOGETHER_MS
from streams.views.questions import ask_reading
from streams.views.sides import Sides
from streams.views.view import Derived


def unshown(view: Sides) -> PasswordOperation | None:
    """The latest password operation, if AD ought to show it by now and does not.

    Either an on-premises agent wrote it by the cloud's word, or a server began it and nobody has told of its end.
    """
    if not view.events or len(view.ad) != 1:
        return None
    side = view.ad[0]
    if set_ms(side) is None and not must_change(side):
        return None  # not readable
    operations = operations_of(view)
    latest = latest_password(operations)
    begun = _begun_last(operations)
    if begun is not None and (latest is None or latest.started_ms < begun.started_ms):
        latest = begun
    if latest is None or latest.landed_ms is not None or latest.split:
        return None
    if must_change(side) and latest.may_leave_zero:
        return None  # a forced change leaves what was there before: nothing can be told
    if latest.only_began:
        return latest
    if latest.audit is None or latest.audit.result is not Result.SUCCESS or latest.result is not Result.SUCCESS:
        return None
    return latest if latest.audit.details.get("agent") else None


def _begun_last(operations: Sequence[PasswordOperation]) -> PasswordOperation | None:
    """The last that only began; not one beside an unlock, which sets no password and begins with the same event."""
    begun = next((each for each in reversed(operations) if each.only_began and each.kind != UNLOCK), None)
    unlocks = [each.started_ms for each in operations if each.kind == UNLOCK]
    if begun is None or any(abs(at_ms - begun.started_ms) <= TOGETHER_MS for at_ms in unlocks):
        return None
    return begun


def questions(view: Sides) -> list[Derived]:
    """What the view of a user asks its forest."""
    forest = view.ad[0].party.forest if len(view.ad) == 1 else None
    if forest is None or unshown(view) is None:
        return []
    return [ask_reading(view.tenant, forest, view.key)]
