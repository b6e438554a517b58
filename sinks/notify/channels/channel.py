"""What a channel is, and what it may raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from sinks.notify.notice import Notice
from streams.contracts.errors import SyncHealthError
from streams.runtime.section import Section

MOST_WAITED_S = 3600.0
"""Whoever asks us to come back later than that is asked again after an hour."""


class RefusedNoticeError(SyncHealthError):
    """The other side will not take this message, as often as we send it; the next one may fare better."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends. installation: its name; version: of the product; channel: the name of the channel."""

    installation: str
    version: str
    channel: str


class Channel(Protocol):
    """One place where people work. A class behind the entry point group `synchealth.sinks`, or of KINDS (registry.py).

    Made as Kind(options, sender), where options is an instance of its `Options`: the keys of [[channel]] that are its
    own. One thread uses it. It holds no queue: what was not delivered is sent again by its caller, with the same key.
    """

    Options: ClassVar[type[Section]]
    in_place: bool
    """Whether `send` changes the message of a thread instead of adding one; who looks after a finding is then shown."""
    each: bool
    """Whether it is read by machines, and takes every finding by itself, however many there are."""

    def __init__(self, options: Any, sender: Sender) -> None: ...

    def send(self, notice: Notice, reference: str) -> str:
        """Deliver one message; returns by what the next one of its thread finds it ("": nothing).

        reference: what the thread's message before returned. Raises RetriableError where the other side is away, asks
        for patience, or lets us in no longer; RefusedNoticeError where it refuses this message.
        """

    def close(self) -> None:
        """Release connections."""
