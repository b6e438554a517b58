"""Which servers ship Windows events, as the latest records tell: last event, providers, clock. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from deploy.cli.check.line import SKEW_LIMIT_S, Line, fault, gap, good
from producers.eventlog.winlogbeat import winlogbeat_events
from streams.contracts.codec import NotJsonError, load_document
from streams.contracts.errors import InvalidRecordError
from streams.contracts.times import age, parse_rfc3339
from streams.runtime.printable import printable
from streams.runtime.topic_reader import StoredRecord

# Silence of any event at all: a server that works writes a heartbeat each half hour.
_SILENT_MS = 3 * 3_600_000
_MOST_SERVERS = 50
# Clients log when they start and when somebody signs in, not by the hour.
_CLIENTS = "user device registration"


# So many events over so long a time, and not one of them was there sooner: it is no queue that stood for a while.
_ENOUGH_EVENTS, _LONG_ENOUGH_MS = 20, 30 * 60_000


@dataclass
class _Server:
    """late_ms: of each event that the broker dated, (when the broker took it in, how much later than it was read)."""

    last_ms: int = 0
    providers: Counter[str] = field(default_factory=Counter)
    late_ms: list[tuple[int, int]] = field(default_factory=list)

    @property
    def behind_ms(self) -> int | None:
        """By how much its clock may be behind; None where too little is known."""
        times = [at for at, _ in self.late_ms]
        if len(times) < _ENOUGH_EVENTS or max(times) - min(times) < _LONG_ENOUGH_MS:
            return None
        return min(late for _, late in self.late_ms)


def server_lines(area: str, records: Iterable[StoredRecord], now_ms: int) -> list[Line]:
    """One line per server, clients together in one; records that are none of ours are passed over.

    A clock that is ahead logs what has not happened. One that is behind looks like events that come late: what is known
    is the least time between Winlogbeat's reading of an event (event.created, the server's clock) and the broker's
    taking it in (the broker's clock), which is the skew and the way. Where it is minutes for every event of half an
    hour, the clock is behind by no more than that, or something holds back every event; which, is not told.
    """
    servers = _servers(records)
    clients = {name for name, server in servers.items() if set(server.providers) == {_CLIENTS}}
    names = Counter(name.partition(".")[0] for name in servers)
    lines = [
        _line(area, short if names[short := name.partition(".")[0]] == 1 else name, servers[name], now_ms)
        for name in sorted(servers.keys() - clients)
    ]
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
    behind_ms = server.behind_ms
    if behind_ms is not None and behind_ms > SKEW_LIMIT_S * 1000:
        what += f"; every event arrives at least {age(behind_ms / 1000)} after its time"
        return gap(area, what, f"set the clock of {shown} if it is behind (w32tm /query /status); else see what holds "
                               "events back between it and Kafka")  # fmt: skip
    if -ahead_ms > _SILENT_MS:
        return gap(area, what, f"see that Winlogbeat runs on {shown} (deploy/winlogbeat/README.md)")
    return good(area, what)


def _servers(records: Iterable[StoredRecord]) -> dict[str, _Server]:
    servers: dict[str, _Server] = {}
    for record in records:
        try:
            document = load_document(record.value or b"")
            events = winlogbeat_events(document, "", 0)
        except (InvalidRecordError, NotJsonError):
            continue
        read_ms = _read_ms(document)
        for event in events:
            name = f"{event.server}.{event.domain}" if event.domain else str(event.server)
            server = servers.setdefault(name, _Server())
            server.last_ms = max(server.last_ms, event.ts_ms)
            server.providers[event.name.rpartition("/")[0]] += 1
            if record.appended_ms is not None:
                late_ms = record.appended_ms - max(event.ts_ms, read_ms or 0)
                server.late_ms.append((record.appended_ms, late_ms))
    return servers


def _read_ms(document: Any) -> int | None:
    """When Winlogbeat read the event, by the clock of its server."""
    read = document.get("event") if isinstance(document, dict) else None
    try:
        return parse_rfc3339(read["created"]) if isinstance(read, dict) else None
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        return None
