"""Links that stand on one side only, as the views of links tell the views of groups and users.

AD names a manager by SID, Graph by an id of its own: both meet in the reference view of the manager, and only a
difference goes on. A manager that is not on both sides tells nobody anything: nothing could flow. The members of a
group are summed up in parts (streams.views.membership.member_drift_view).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.contracts.contributors import Speaker
from streams.views.view import Derived


@dataclass(frozen=True, slots=True)
class ManagerWord:
    """One manager. lacking: AD names it and the cloud does not; else the other way round.

    since_ms: since when it could have flowed; link_ms: since when the user has it.
    other_domain: AD names one of another domain of the forest.
    """

    name: str
    lacking: bool
    since_ms: int
    link_ms: int
    other_domain: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ManagerWord:
        """The word in a contribution's body."""
        times_ms = int(body["since_ms"]), int(body["link_ms"])
        return cls(str(body["name"]), bool(body["lacking"]), *times_ms, bool(body.get("other_domain")))


def manager_word(
    user_view: str, sid: str, name: str, lacking: bool, stands_ms: int, link_ms: int, *, other_domain: bool = False
) -> Derived:
    """What the view of the manager with this SID tells the user's; stands_ms: both sides of the manager stand since."""
    since_ms = max(stands_ms, link_ms)
    body = {"name": name, "lacking": lacking, "since_ms": since_ms, "link_ms": link_ms}
    if other_domain:
        body["other_domain"] = True
    return Derived(user_view, Speaker.SUPERIOR.named(sid), body, absent_since_ms=since_ms)


@dataclass(frozen=True, slots=True)
class MemberDrift:
    """All of a group. named: some of the members as (name, SID, lacking), in order.

    other_domain: so many of the lacking are of another domain than the group.
    """

    lacking: int
    surplus: int
    since_ms: int
    named: tuple[tuple[str, str, bool], ...]
    other_domain: int = 0


def member_drift_of(parts: Iterable[Mapping[str, Any]]) -> MemberDrift | None:
    """The sum of what the parts of a group tell; None where they tell nothing."""
    bodies = list(parts)
    if not bodies:
        return None
    return MemberDrift(
        lacking=sum(body["lacking"] for body in bodies),
        surplus=sum(body["surplus"] for body in bodies),
        since_ms=min(body["since_ms"] for body in bodies),
        named=tuple(sorted((name, sid, lacking) for body in bodies for name, sid, lacking in body["named"])),
        other_domain=sum(body.get("other_domain", 0) for body in bodies),
    )
