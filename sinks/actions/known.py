"""Every action that stands in the topic, by the finding it is about, in the topic's order."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from sinks.actions.fold import Attended, attended
from streams.contracts.actions import Action
from streams.contracts.entries import ActionTombstone


class KnownActions:
    """Fed record by record; the same after any replay or compaction, as each action's last record counts.

    >>> known = KnownActions()
    >>> known.of("0123456789abcdef")
    ()
    """

    def __init__(self) -> None:
        self._by_finding: dict[str, dict[str, Action]] = {}

    def take(self, entry: Action | ActionTombstone, arrived_ms: int) -> str:
        """Note a record; the id of the finding that it is about. arrived_ms: its timestamp."""
        if isinstance(entry, ActionTombstone):
            actions = self._by_finding.get(entry.finding_id, {})
            actions.pop(entry.action_id, None)
            if not actions:
                self._by_finding.pop(entry.finding_id, None)
            return entry.finding_id
        actions = self._by_finding.setdefault(entry.finding, {})
        actions.pop(entry.id, None)  # one that is written again stands where compaction leaves it: at its last place
        actions[entry.id] = as_arrived(entry, arrived_ms)
        return entry.finding

    def of(self, finding: str) -> Collection[Action]:
        """The actions on all episodes of a finding."""
        return tuple(self._by_finding.get(finding, {}).values())

    def attended(
        self, finding: str, opened_ms: int, *, now_ms: int | None = None, resolved_ms: int | None = None
    ) -> Attended:
        """How an episode stands; as sinks.actions.fold.attended."""
        actions = self._by_finding.get(finding)
        return attended(actions.values() if actions else (), opened_ms, now_ms=now_ms, resolved_ms=resolved_ms)


def as_arrived(action: Action, arrived_ms: int) -> Action:
    """The action, done no later than it arrived: a clock that is ahead moves the end of nothing."""
    return action if action.at_ms <= arrived_ms else msgspec.structs.replace(action, at_ms=arrived_ms)
