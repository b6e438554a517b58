"""Channels of tickets whose comments and assignments come back as actions on the finding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from streams.contracts.actions import Deed

LONGEST_COMMENT = 4000


@dataclass(frozen=True, slots=True)
class TicketAction:
    """One thing that somebody did in a ticket.

    thread: of the message that made the ticket. id: of the comment or change there, always the same.
    who: as the other system names them.
    """

    thread: str
    id: str
    at_ms: int
    who: str
    what: Deed

    @property
    def action_id(self) -> str:
        """The id of the action: the same whenever it is read again."""
        return hashlib.blake2b(f"{self.thread}\n{self.id}".encode(), digest_size=16).hexdigest()


@runtime_checkable
class Answering(Protocol):
    """A channel that can be asked for what people did in its tickets."""

    def actions_since(self, since_ms: int) -> list[TicketAction]:
        """What people did in our tickets since then, in order; what we did there ourselves is left out.

        Raises RetriableError, RefusedNoticeError.
        """
