"""A user's manager that stands on one side only, as the manager's own view tells the user's.

AD names a manager by SID, Graph by an id of its own: both meet in the reference view of the manager (see there), and
only a difference goes on. A manager that is not on both sides tells nobody anything: nothing could flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.views.view import Derived

TELLS = "superior/"
"""How contributors of this kind begin in a user's view."""


@dataclass(frozen=True, slots=True)
class ManagerWord:
    """One manager. lacking: AD names it and the cloud does not; else the other way round.

    since_ms: since when it could have flowed; link_ms: since when the user has it.
    """

    name: str
    lacking: bool
    since_ms: int
    link_ms: int

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ManagerWord:
        """The word in a contribution's body."""
        return cls(str(body["name"]), bool(body["lacking"]), int(body["since_ms"]), int(body["link_ms"]))


def manager_word(user_view: str, sid: str, name: str, lacking: bool, stands_ms: int, link_ms: int) -> Derived:
    """What the view of the manager with this SID tells the user's; stands_ms: both sides of the manager stand since."""
    since_ms = max(stands_ms, link_ms)
    body = {"name": name, "lacking": lacking, "since_ms": since_ms, "link_ms": link_ms}
    return Derived(user_view, f"{TELLS}{sid}", body, absent_since_ms=since_ms)
