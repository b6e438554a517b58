"""The Windows event log of one Connect server: what it writes down, as Winlogbeat would ship it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from deploy.lab.entra.graph_time import Clock, wall_clock
from deploy.lab.events import winlogbeat_document

Document = dict[str, Any]
Listener = Callable[[Document], None]
_KEPT = 10_000


class EventLog:
    """The log of one server, in memory; the newest 10,000 events are kept, listeners hear of every one.

    Args:
        server: its short name, as event logs and audit rows show it.
        domain: the DNS domain it is a member of.
        clock:  milliseconds since the epoch.
    """

    def __init__(self, server: str = "AADC01", domain: str = "corp.contoso.local", clock: Clock = wall_clock) -> None:
        self.server, self._domain, self._clock = server, domain, clock
        self.documents: deque[Document] = deque(maxlen=_KEPT)
        self._listeners: list[Listener] = []
        self._records = 0

    def listen(self, listener: Listener) -> None:
        """Hand every event from now on to `listener`, in the thread that writes it."""
        self._listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        """Tell `listener` no more; nothing happens if it never listened."""
        self._listeners = [each for each in self._listeners if each != listener]

    def write(
        self,
        provider: str,
        event_id: int,
        message: str = "",
        *,
        level: str = "information",
        parameters: Sequence[str] = (),
    ) -> Document:
        """Write one event into the Application log; record numbers rise by one and are never used again.

        message: "" for an event whose text nobody has published: then its id and level are all that the lab knows.
        """
        self._records += 1
        document = winlogbeat_document(
            server=f"{self.server}.{self._domain}",
            provider=provider,
            event_id=event_id,
            message=message,
            record_id=self._records,
            at_ms=self._clock(),
            level=level,
            parameters=parameters,
        )
        self.forward(document)
        return document

    def forward(self, document: Document) -> None:
        """Take in an event of another computer's log, as Windows Event Forwarding brings those of clients."""
        self.documents.append(document)
        for listener in self._listeners:
            listener(document)

    def ids(self, provider: str | None = None) -> list[int]:
        """The event ids in the log, oldest first; of one provider if it is named."""
        return [
            int(document["winlog"]["event_id"])
            for document in self.documents
            if provider is None or document["winlog"]["provider_name"] == provider
        ]
