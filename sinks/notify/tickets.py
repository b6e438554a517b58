"""Polls channels of tickets: what people do in a ticket is written as an action on its finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from sinks.notify.channels.answering import Answering, TicketAction
from sinks.notify.channels.channel import RefusedNoticeError
from sinks.notify.present import CurrentFindings
from streams.contracts.actions import Action
from streams.contracts.errors import RetriableError
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger
from streams.runtime.printable import printable_lines

_EVERY_MS = 60_000
_BACK_MS = 86_400_000
"""How far back it asks at its start; an action that is known is not written again."""
_OVERLAP_MS = 300_000
_log = get_logger(__name__)


class ActionWriter(Protocol):
    """What writes actions; see sinks.actions.writer."""

    def write(self, actions: Iterable[Action]) -> None: ...


class TicketPoll:
    """Asks one channel once a minute; one thread calls `turn`."""

    def __init__(
        self,
        name: str,
        channel: Answering,
        present: CurrentFindings,
        writer: ActionWriter,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._name, self._channel, self._present, self._writer = name, channel, present, writer
        self._clock = clock
        self._since_ms = clock() - _BACK_MS
        self._next_ms = 0

    def turn(self) -> None:
        """Ask, where it is time to. Raises RetriableError where the channel or Kafka is away."""
        now = self._clock()
        if now < self._next_ms or not self._present.position.caught_up:
            return
        try:
            done = self._channel.actions_since(self._since_ms)
        except RefusedNoticeError as error:
            raise RetriableError(f"{self._name} does not tell what was said: {error}") from error
        actions = [action for each in done if (action := self._action(each)) is not None]
        if actions:
            self._writer.write(actions)
            _log.info("heard", channel=self._name, actions=len(actions))
        self._since_ms, self._next_ms = now - _OVERLAP_MS, now + _EVERY_MS

    def _action(self, done: TicketAction) -> Action | None:
        """None for what is known, and for a ticket of a standing that is over."""
        finding, _, _ = done.thread.partition("-")
        opened_ms = self._present.episode(finding)
        if opened_ms is None or self._present.has_action(finding, done.action_id):
            return None
        if done.at_ms < opened_ms:
            return None
        return Action(
            id=done.action_id, finding=finding, opened_ms=opened_ms, at_ms=done.at_ms,
            who=printable_lines(done.who), known_by="token", channel="api", address=self._name, what=done.what,
        )  # fmt: skip
