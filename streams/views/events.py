"""Events among the contributions of a view."""

from __future__ import annotations

from collections.abc import Mapping

from streams.contracts.events import Event
from streams.directory.event_slots import is_event, order_of
from streams.views.view import Entry


def events_in(entries: Mapping[str, Entry]) -> tuple[Event, ...]:
    """The events among a view's contributions, the oldest first, each once."""
    messages = [entry.message for contributor, entry in entries.items() if is_event(contributor)]
    if not messages:
        return ()
    found = {event.id: event for event in messages if isinstance(event, Event)}
    return tuple(sorted(found.values(), key=order_of))
