"""From the actions on an episode to whether it still needs somebody. Pure.

An acceptance ends at its date, with a `Reopen`, or with the finding; whatever was acknowledged or assigned before its
end is over then, too, so that of a finding which comes back channels are notified as of a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from streams.contracts.actions import Accept, Acknowledge, Action, Assign, LinkTicket, Reopen


class Attention(StrEnum):
    """Who looks after an episode; alerts are for UNATTENDED alone."""

    UNATTENDED = "unattended"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Attended:
    """How an episode stands with people.

    since_ms: when it came to stand like this; of what nobody ever acted on, when the episode began.
    until_ms: when it needs somebody again by itself (ACCEPTED alone); reason: why that is accepted.
    tickets:  the links, in order; a later one under the same system and key replaces an earlier one.
    """

    attention: Attention
    since_ms: int
    owner: str | None = None
    by: str | None = None
    until_ms: int | None = None
    reason: str = ""
    tickets: tuple[LinkTicket, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptanceEnded:
    """`accepted` was over at `at_ms`: at its date, or with the finding (`with_finding`)."""

    at_ms: int
    accepted: Action
    with_finding: bool = False


def attended(
    actions: Iterable[Action], opened_ms: int, *, now_ms: int | None = None, resolved_ms: int | None = None
) -> Attended:
    """How an episode stands at `now_ms`; None: as of the last action, whatever has run out since.

    actions: in the order of their topic; those of other episodes are passed over. opened_ms: of the episode
    (`Finding.stands_since`). resolved_ms: the state of a finding that is over is as of its end.
    """
    at_ms = resolved_ms if resolved_ms is not None else now_ms
    state = Attended(Attention.UNATTENDED, opened_ms)
    tickets: dict[tuple[str, str], LinkTicket] = {}
    for action in actions:
        if action.opened_ms != opened_ms:
            continue
        state = _ended_by(state, action.at_ms)
        what = action.what
        match what:
            case Acknowledge() if state.attention is Attention.UNATTENDED:
                state = Attended(Attention.ACKNOWLEDGED, action.at_ms, by=action.who)
            case Assign(owner=owner):
                state = _assigned(state, owner, action)
            case Accept(until_ms=until_ms, reason=reason) if until_ms > action.at_ms:
                state = Attended(Attention.ACCEPTED, action.at_ms, state.owner, action.who, until_ms, reason)
            case Reopen():
                state = Attended(Attention.UNATTENDED, action.at_ms)
            case LinkTicket(system=system, key=key):
                tickets[system, key] = what
    if at_ms is not None:
        state = _ended_by(state, at_ms)
    return replace(state, since_ms=max(state.since_ms, opened_ms), tickets=tuple(tickets.values()))


def _assigned(state: Attended, owner: str | None, action: Action) -> Attended:
    if state.attention is Attention.ACCEPTED:  # somebody's, and accepted still
        return replace(state, owner=owner)
    if owner is None:
        return Attended(Attention.UNATTENDED, action.at_ms) if state.owner else state
    return Attended(Attention.ASSIGNED, action.at_ms, owner, action.who)


def _ended_by(state: Attended, at_ms: int) -> Attended:
    if state.until_ms is not None and state.until_ms <= at_ms:
        return Attended(Attention.UNATTENDED, state.until_ms)
    return state


def ended_acceptances(
    actions: Sequence[Action], opened_ms: int, *, now_ms: int, resolved_ms: int | None = None
) -> list[AcceptanceEnded]:
    """Ends without an action, for a timeline: of acceptances whose date has passed, or whose finding is over."""
    found: list[AcceptanceEnded] = []
    standing: tuple[Action, int] | None = None
    last_ms = now_ms if resolved_ms is None else resolved_ms
    for action in actions:
        if action.opened_ms != opened_ms:
            continue
        if standing is not None and standing[1] <= action.at_ms:
            found.append(AcceptanceEnded(standing[1], standing[0]))
            standing = None
        match action.what:
            case Accept(until_ms=until_ms) if until_ms > action.at_ms:
                standing = action, until_ms
            case Reopen():
                standing = None
    if standing is not None and standing[1] <= last_ms:
        found.append(AcceptanceEnded(standing[1], standing[0]))
    elif standing is not None and resolved_ms is not None:
        found.append(AcceptanceEnded(resolved_ms, standing[0], with_finding=True))
    return found
