"""Which Connect servers a topic of Windows events may speak for: those of the settings, or those that it has learned.

Whoever may write into the topic can name any server. So without a list only so many unknown names an hour are believed,
and so many altogether; what others say is refused, and one dead letter stands for each name, so that a flood of
invented servers is one alert of ours (SyncHealthDeadLetters) and not a finding for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

# What makes a server of ours: clients and domain controllers, of which there are thousands, log other things.
SPEAKING = ("adsync/", "directory synchronization/", "passwordresetservice/")
PART = "servers"
"""The part of the position that holds what was learned."""

_MOST_NEW = 50
_HOUR_MS = 3_600_000
_MOST = 500
_MOST_REPORTED = 20
_LONGEST = 300


class Speakers:
    """configured: names of servers, with or without their domain; none: learn them."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._configured = frozenset(_short(name) for name in configured)
        self._learned: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._told: dict[str, int] = {}

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
        self._told = dict(self._learned)

    def admits(self, server: str | None, now_ms: int) -> bool:
        """Whether events of this server count; a new one is learned, if there are not too many."""
        if server is None or server in self._configured or server in self._learned:
            return True
        if self._configured or len(self._learned) >= _MOST or self._lately(self._learned, now_ms) >= _MOST_NEW:
            return False
        self._learned[server] = now_ms
        return True

    def reports(self, server: str, now_ms: int) -> bool:
        """Whether a refusal is worth a dead letter: the first of each server, and not more than a few an hour."""
        self._reported = {name: at_ms for name, at_ms in self._reported.items() if now_ms - at_ms < _HOUR_MS}
        if server in self._reported or len(self._reported) >= _MOST_REPORTED:
            return False
        self._reported[server] = now_ms
        return True

    def news(self) -> dict[str, Any] | None:
        """What is to be saved, if it is not yet; None if it is."""
        if self._learned == self._told:
            return None
        self._told = dict(self._learned)
        return {PART: dict(self._learned)}

    @property
    def advice(self) -> str:
        """Why somebody was refused, and what to do."""
        if self._configured:
            return "it is not among the servers of this [[eventlog]] table: add it, or see who writes into the topic"
        return "too many new servers: name yours (servers in the [[eventlog]] table), and see who writes into the topic"

    @staticmethod
    def _lately(when: Mapping[str, int], now_ms: int) -> int:
        return sum(now_ms - at_ms < _HOUR_MS for at_ms in when.values())


def _short(name: str) -> str:
    """As events name a server: lower case, without its domain."""
    return name.strip().lower().partition(".")[0]
