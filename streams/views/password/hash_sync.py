"""Password hash synchronisation as a server's log tells of it: which forests it serves, and when each last lived.

A forest is known by its DNS name (partition-name) or, where an event has that alone, by the id of its connector. What
begins is no sign of life (653, 650, 656), what ends is (654, 651, 657, 663); and an event that names no forest vouches
for one only where there is but one.

Source: Microsoft, "How to troubleshoot password synchronization when using Microsoft Entra Connect" (654 about every
30 minutes when there is nothing to do); EventViewerX AADSyncProvisionCredentialsPing.cs (forest-info of 653, 654, 663).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.contracts.events import Event

LOG = "directory synchronization"
HEARTBEAT = f"{LOG}/654"
UNNAMED = ""
_SIGNS = frozenset({f"{LOG}/651", f"{LOG}/654", f"{LOG}/657", f"{LOG}/663"})


def lives_ms(events: Iterable[Event]) -> dict[str, int]:
    """Forest -> when it last gave a sign of life (ms); UNNAMED: signs that name none, where no forest is named.

    A forest is known by a heartbeat, or by any sign that names it.
    """
    known = tuple(events)
    names = names_of(known)
    lives: dict[str, int] = {}
    unnamed: list[Event] = []
    for event in known:
        if event.name not in _SIGNS:
            continue
        forest = forest_of(event, names)
        if forest == UNNAMED:
            unnamed.append(event)
        else:
            lives[forest] = max(lives.get(forest, 0), event.ts_ms)
    if not lives and any(event.name == HEARTBEAT for event in unnamed):
        lives[UNNAMED] = 0
    if len(lives) == 1:
        (forest,) = lives
        lives[forest] = max([lives[forest], *(event.ts_ms for event in unnamed)])
    return lives


def names_of(events: Iterable[Event]) -> dict[str, str]:
    """Connector id -> the forest's name, from the events that have both."""
    return {
        str(event.details["connector_id"]): str(event.details["partition"])
        for event in events
        if event.details.get("connector_id") and event.details.get("partition")
    }


def forest_of(event: Event, names: Mapping[str, str]) -> str:
    """The forest that an event names; UNNAMED: none."""
    named = event.details.get("partition") or event.details.get("connector")
    if named:
        return str(named).lower()
    connector_id = str(event.details.get("connector_id") or "")
    return names.get(connector_id, connector_id) or UNNAMED


def forest_of_domain(domain: str, forests: Iterable[str]) -> str | None:
    """The forest that holds a domain, as far as its name tells: the nearest one above it."""
    above = [forest for forest in forests if forest and f".{domain}".lower().endswith(f".{forest}")]
    return max(above, key=len, default=None)
