"""Which events tell of one password operation: by an equal id, else by time.

Whether the server's tracking id is the cloud's correlation id is not documented: they join where they are equal, else
what is nearest in time does, within 15 minutes. By time alone a server can only have worked on an operation that the
cloud had not ended before the server began, nor begun after the server had ended; else a second try's events, which
come before its own rows, would be told as the first one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.contracts.events import Event, Log
from streams.views.password.operations_events import begins, is_final, is_outcome, is_progress, kinds_of

TOGETHER_MS = 15 * 60_000
CLOCKS_MS = 60_000
"""By how much the clocks of cloud, server and domain controller may differ."""


def grouped(events: Iterable[Event]) -> list[list[Event]]:
    """Events by operation, each group oldest first. Depends on what there is, never on the order in which it came."""
    by_id: dict[str, list[Event]] = {}
    loose: list[Event] = []
    for event in sorted(events, key=lambda event: (event.ts_ms, event.id)):
        name = event.correlation_id if event.log is Log.AUDIT else event.details.get("tracking_id")
        if name:
            by_id.setdefault(str(name).lower(), []).append(event)
        else:
            loose.append(event)
    groups = list(by_id.values())
    for event in loose:
        _add_loose(event, groups)
    flows = [group for group in groups if any(event.log is Log.AUDIT for event in group)]
    servers = [group for group in groups if not any(event.log is Log.AUDIT for event in group)]
    found = _paired([flow for flow in flows if all(event.log is Log.AUDIT for event in flow)], servers)
    whole = [
        sorted((e for part in (flow, *found.get(flow[0].id, ())) for e in part), key=lambda e: (e.ts_ms, e.id))
        for flow in flows
    ]
    taken = {server[0].id for parts in found.values() for server in parts}
    return whole + [server for server in servers if server[0].id not in taken]


def _paired(flows: Sequence[list[Event]], servers: Sequence[list[Event]]) -> dict[str, list[list[Event]]]:
    """First event of a flow that has no server of its own -> what servers say of it, the nearest pairs first."""
    pairs = sorted(
        (_distance_ms(flow, server), flow[0].ts_ms, flow[0].id, server[0].id, flow, server)
        for flow in flows
        for server in servers
        if _distance_ms(flow, server) <= TOGETHER_MS and _agree(flow, server) and _may_be_of(flow, server)
    )
    left = {server[0].id for server in servers}
    found: dict[str, list[list[Event]]] = {}
    for distance_ms, _, flow_id, server_id, _, server in pairs:
        # Within one flow a user may try several times; from outside it, one attempt is one operation.
        if server_id in left and (flow_id not in found or distance_ms == 0):
            left.discard(server_id)
            found.setdefault(flow_id, []).append(server)
    return found


def _may_be_of(flow: Sequence[Event], server: Sequence[Event]) -> bool:
    """Whether their order in time allows that the server worked on this flow."""
    finals = [event.ts_ms for event in flow if is_final(event)]
    if finals and server[0].ts_ms > finals[-1] + CLOCKS_MS:
        return False
    ended = [event.ts_ms for event in server if is_outcome(event)]
    return not (ended and is_progress(flow[0]) and flow[0].ts_ms > ended[-1] + CLOCKS_MS)


def _add_loose(event: Event, groups: list[list[Event]]) -> None:
    """An event without an id: to the nearest group of its own log, or of its own."""
    near = [
        (_distance_ms(group, [event]), group[0].ts_ms, group[0].id, group)
        for group in groups
        if any(each.log is event.log for each in group)
        and _distance_ms(group, [event]) <= TOGETHER_MS
        and _agree(group, [event])
    ]
    if near and not begins(event):
        group = min(near, key=lambda found: found[:3])[3]
        group.append(event)
        group.sort(key=lambda each: (each.ts_ms, each.id))
    else:
        groups.append([event])


def _distance_ms(one: Sequence[Event], other: Sequence[Event]) -> int:
    """How far apart in time; 0 where they overlap."""
    return max(0, one[0].ts_ms - other[-1].ts_ms, other[0].ts_ms - one[-1].ts_ms)


def _agree(one: Sequence[Event], other: Sequence[Event]) -> bool:
    """Whether both can tell of one operation: neither names a kind that the other does not."""
    ours, theirs = kinds_of(one), kinds_of(other)
    return not ours or not theirs or bool(ours & theirs)
