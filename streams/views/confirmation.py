"""A password that the cloud has written and AD does not show: may AD's silence be believed?

Only as far as AD has been read. The user's view asks its forest until when that is ("asks/<user view>" in the forest's
view) for as long as such an operation stands; the forest answers ("heard/<forest view>") with every word of its source,
and not at all where the source never says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from streams.contracts.events import Result
from streams.views.operations import PasswordOperation, latest_password, operations_of, set_ms
from streams.views.view import Derived

if TYPE_CHECKING:
    from streams.views.directory_object import UserView  # which asks by us

ASKS, HEARD = "asks/", "heard/"


def forest_view_key(tenant: str, forest: str) -> str:
    """The key of a forest's view."""
    return f"forest/{tenant}/{forest}"


def unshown(view: UserView) -> PasswordOperation | None:
    """The latest password operation, if an on-premises agent wrote it by the cloud's word and AD does not show it."""
    if not view.events or len(view.ad) != 1 or set_ms(view.ad[0]) is None:
        return None
    latest = latest_password(operations_of(view))
    if latest is None or latest.audit is None or latest.landed_ms is not None:
        return None
    succeeded = latest.result is Result.SUCCESS and latest.audit.result is Result.SUCCESS
    return latest if succeeded and latest.audit.details.get("agent") else None


def questions(view: UserView) -> list[Derived]:
    """What the view of a user asks its forest."""
    forest = view.ad[0].party.forest if len(view.ad) == 1 else None
    if forest is None or unshown(view) is None:
        return []
    return [Derived(forest_view_key(view.tenant, forest), ASKS + view.key, {"asker": view.key})]


def answers(key: str, askers: Iterable[str], heard_ms: int | None) -> list[Derived]:
    """What the view of a forest tells those who ask."""
    return [Derived(asker, HEARD + key, {"heard_ms": heard_ms}) for asker in askers] if heard_ms is not None else []
