"""The Connect servers whose Windows events a topic may bring: those of the settings, or those learned from it.

Whoever may write into the topic can name any server. So without a list only so many unknown names an hour are believed,
and so many altogether; what others say is refused, and a flood of invented servers is one finding of ours
(engine.unknown_servers), not one for each of them. Beside a list, a dead letter stands for each other name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

# What makes a server of ours: clients and domain controllers, of which there are thousands, log other things.
OF_SERVERS = ("adsync/", "directory synchronization/", "passwordresetservice/")
PART = "servers"
"""The part of the position that holds what was learned."""

_MOST_NEW = 50
_HOUR_MS = 3_600_000
_MOST = 500
_MOST_REPORTED = 20
_LONGEST = 300
_MOST_COUNTED = 10_000
_SHOWN, _LONGEST_SHOWN = 10, 100
_REPORT_EVERY_MS = 60_000


@dataclass(slots=True)
class Flood:
    """Servers beyond those that may be learned: since when, the last time, and who, in the order of their coming."""

    since_ms: int
    last_ms: int
    servers: dict[str, None] = field(default_factory=dict)
    refused: int = 0

    def details(self) -> dict[str, Any]:
        """As UNKNOWN_SERVERS has them."""
        shown = [name[:_LONGEST_SHOWN] for name in islice(self.servers, _SHOWN)]
        details = {"since_ms": self.since_ms, "distinct": len(self.servers), "servers": shown, "refused": self.refused}
        return details if self.servers else {"distinct": 0}


class AdmittedServers:
    """configured: names of servers, those without a domain in any; none: learn them.

    Servers go by their DNS name: of two that have one short name each is another. An event that names no domain is that
    of whichever is known.
    """

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._configured = frozenset(name.strip().lower() for name in configured)
        self._learned: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._saved: dict[str, int] = {}
        self._flood: Flood | None = None
        self._flood_reported_ms: int | None = None
        self._flood_saved = False

    def restore(self, saved: Mapping[str, Any], now_ms: int) -> None:
        """Take what was learned before, as far as it has the shape of it."""
        known = saved.get(PART)
        known = known if isinstance(known, dict) else {}
        fitting = (
            (name, at_ms)
            for name, at_ms in known.items()
            if isinstance(name, str) and len(name) <= _LONGEST
            if type(at_ms) is int and 0 <= at_ms <= now_ms + _HOUR_MS
        )
        self._learned = dict(islice(fitting, _MOST))
        self._saved = dict(self._learned)
        if type(since_ms := saved.get("flood_ms")) is int and 0 < since_ms <= now_ms + _HOUR_MS:
            self._flood_saved = True
            # Who is configured now, and whoever is silent, floods no more: that is said once.
            self._flood = Flood(since_ms, 0 if self._configured else now_ms)

    def admits(self, server: str | None, now_ms: int) -> bool:
        """Whether events of this server (its name, with its domain if it is told) count; a new one is learned, if there
        are not too many.
        """
        if server is None or self._knows(server, self._configured or self._learned):
            return True
        short, _, domain = server.partition(".")
        if self._configured:
            return bool(domain) and short in self._configured
        if domain and short in self._learned:  # it was learned before it named its domain
            self._learned[server] = self._learned.pop(short)
            return True
        if len(self._learned) >= _MOST or self._lately(self._learned, now_ms) >= _MOST_NEW:
            return False
        self._learned[server] = now_ms
        return True

    def refuse(self, server: str, events: int, now_ms: int) -> bool:
        """Note a refusal. Returns whether it is worth a dead letter: beside a list, the first of each server, and not
        more than a few an hour.
        """
        if not self._configured:
            if self._flood is None:
                self._flood = Flood(now_ms, now_ms)
            self._flood.last_ms = now_ms
            self._flood.refused += events
            if len(self._flood.servers) < _MOST_COUNTED:
                self._flood.servers[server] = None
            return False
        self._reported = {name: at_ms for name, at_ms in self._reported.items() if now_ms - at_ms < _HOUR_MS}
        if server in self._reported or len(self._reported) >= _MOST_REPORTED:
            return False
        self._reported[server] = now_ms
        return True

    def news(self) -> dict[str, Any] | None:
        """What is to be saved, if it is not yet; None if it is."""
        flood_ms = self._flood.since_ms if self._flood is not None else 0
        if self._learned == self._saved and bool(flood_ms) == self._flood_saved:
            return None
        self._saved, self._flood_saved = dict(self._learned), bool(flood_ms)
        return {PART: dict(self._learned), **({"flood_ms": flood_ms} if flood_ms else {})}

    def flood(self, now_ms: int) -> dict[str, Any] | None:
        """What is to be told of a flood of new servers: news of it, once a minute, and that it is over."""
        flood, reported_ms = self._flood, self._flood_reported_ms
        if flood is None:
            return None
        if now_ms - flood.last_ms >= _HOUR_MS:
            self._flood = self._flood_reported_ms = None
            return Flood(0, 0).details()
        if not flood.servers:
            return None  # a flood of before the restart: who it was is not known any more
        if reported_ms is not None and (reported_ms >= flood.last_ms or now_ms - reported_ms < _REPORT_EVERY_MS):
            return None
        self._flood_reported_ms = now_ms
        return flood.details()

    @property
    def advice(self) -> str:
        """Why a server that is not in the list was refused, and what to do."""
        return "it is not among the servers of this [[eventlog]] table: add it, or see who writes into the topic"

    @staticmethod
    def _lately(when: Mapping[str, int], now_ms: int) -> int:
        return sum(now_ms - at_ms < _HOUR_MS for at_ms in when.values())

    @staticmethod
    def _knows(server: str, known: Iterable[str]) -> bool:
        return server in known or ("." not in server and any(name.partition(".")[0] == server for name in known))
