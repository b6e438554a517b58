"""What people say in a ticket, and comes back as an action on the finding that the ticket is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from streams.contracts.actions import Deed

LONGEST_COMMENT = 4000


@dataclass(frozen=True, slots=True)
class TicketAction:
    """One thing that somebody did in a ticket.

    thread: of the message that made the ticket. id: of what was said there, always the same. who: as the other system
    names them.
    """

    thread: str
    id: str
    at_ms: int
    who: str
    what: Deed

    @property
    def action_id(self) -> str:
        """Whoever hears the same twice has heard it once."""
        return hashlib.blake2b(f"{self.thread}\n{self.id}".encode(), digest_size=16).hexdigest()


@runtime_checkable
class Answering(Protocol):
    """A channel that can be asked what was said since."""

    def actions_since(self, since_ms: int) -> list[TicketAction]:
        """What people did in our tickets since then, in order; what we did there ourselves is left out.

        Raises RetriableError, RefusedNoticeError.
        """
