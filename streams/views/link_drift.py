"""Links that stand on one side only, as the views of links tell the views of groups and users.

AD names a manager by SID, Graph by an id of its own: both meet in the reference view of the manager, and only a
difference goes on. A manager that is not on both sides tells nobody anything: nothing could flow. The members of a
group are summed up in parts (streams.views.membership.member_drift_view).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streams.contracts.contributors import ContributorKind
from streams.views.messages import DriftOfPart, ManagerDrift, NamedMember, written
from streams.views.view import Derived


def manager_message(
    user_view: str, sid: str, name: str, lacking: bool, stands_ms: int, link_ms: int, *, other_domain: bool = False
) -> Derived:
    """What the view of the manager with this SID tells the user's; stands_ms: both sides of the manager stand since."""
    since_ms = max(stands_ms, link_ms)
    message = ManagerDrift(name, lacking, since_ms, link_ms, other_domain)
    return Derived(user_view, ContributorKind.SUPERIOR.named(sid), written(message), absent_since_ms=since_ms)


class MemberDrift(msgspec.Struct, frozen=True):
    """All of a group. named: some of the members, in order.

    other_domain: so many of the lacking are of another domain than the group.
    """

    lacking: int
    surplus: int
    since_ms: int
    named: tuple[NamedMember, ...]
    other_domain: int = 0


def member_drift_of(parts: Iterable[DriftOfPart]) -> MemberDrift | None:
    """The sum of what the parts of a group tell; None where they tell nothing."""
    drifts = list(parts)
    if not drifts:
        return None
    return MemberDrift(
        lacking=sum(part.lacking for part in drifts),
        surplus=sum(part.surplus for part in drifts),
        since_ms=min(part.since_ms for part in drifts),
        named=tuple(sorted(member for part in drifts for member in part.named)),
        other_domain=sum(part.other_domain for part in drifts),
    )
