"""Which servers ship Windows events, as the latest records tell: last event, providers, clock. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from deploy.check.line import SKEW_LIMIT_S, Line, fault, gap, good
from deploy.findings_table import age
from producers.eventlog.winlogbeat import winlogbeat_events
from streams.contracts.errors import InvalidRecordError
from streams.runtime.printable import printable

# Silence of any event at all: a server that works writes a heartbeat each half hour.
_SILENT_MS = 3 * 3_600_000
_MOST_SERVERS = 50
# Clients log when they start and when somebody signs in, not by the hour.
_CLIENTS = "user device registration"


@dataclass
class _Server:
    last_ms: int = 0
    providers: Counter[str] = field(default_factory=Counter)


def server_lines(area: str, values: Iterable[bytes], now_ms: int) -> list[Line]:
    """One line per server, clients together in one; records that are none of ours are passed over.

    A clock that runs behind cannot be told from events that came late; one that is ahead logs what has not happened.
    """
    servers = _servers(values)
    clients = {name for name, server in servers.items() if set(server.providers) == {_CLIENTS}}
    lines = [_line(area, name, servers[name], now_ms) for name in sorted(servers.keys() - clients)]
    left_out = len(lines) - _MOST_SERVERS
    lines = lines[:_MOST_SERVERS]
    if left_out > 0:
        lines.append(good(area, f"{left_out} more servers are not shown"))
    if clients:
        last_ms = max(servers[name].last_ms for name in clients)
        last = age((now_ms - last_ms) / 1000)
        lines.append(good(area, f"{len(clients)} clients: last event {last} ago ({_CLIENTS})"))
    return lines


def _line(area: str, name: str, server: _Server, now_ms: int) -> Line:
    shown, providers = printable(name), ", ".join(sorted(server.providers))
    ahead_ms = server.last_ms - now_ms
    if ahead_ms > SKEW_LIMIT_S * 1000:
        what = f"{shown}: its last event ({providers}) lies {age(ahead_ms / 1000)} in the future"
        return fault(area, what, f"set the clock of {shown}, or of this machine (w32time, chrony)")
    what = f"{shown}: last event {age(-ahead_ms / 1000)} ago ({providers})"
    if -ahead_ms > _SILENT_MS:
        return gap(area, what, f"see that Winlogbeat runs on {shown} (deploy/winlogbeat/README.md)")
    return good(area, what)


def _servers(values: Iterable[bytes]) -> dict[str, _Server]:
    servers: dict[str, _Server] = {}
    for value in values:
        try:
            events = winlogbeat_events(orjson.loads(value), "", 0)
        except (InvalidRecordError, orjson.JSONDecodeError):
            continue
        for event in events:
            server = servers.setdefault(str(event.server), _Server())
            server.last_ms = max(server.last_ms, event.ts_ms)
            server.providers[event.name.rpartition("/")[0]] += 1
    return servers
