"""That something changed, as server-sent events: a page that hears it asks for itself again.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html; the form is Litestar's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from litestar import get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from sinks.desk.reading import Answers

_LOOK_S = 1.0
_LOOKS = 600
"""After so many looks the stream ends, and the browser asks for another: none is for ever."""
_SPEAK_EVERY = 20


async def changes(serial: Callable[[], int], look_s: float = _LOOK_S) -> AsyncIterator[ServerSentEventMessage]:
    """An event `changed` whenever `serial` is another number, and every 20 looks, since what is known ages, too."""
    before = serial()
    yield ServerSentEventMessage(event="hello", data=str(before))
    for look in range(1, _LOOKS + 1):
        await asyncio.sleep(look_s)
        now = serial()
        if now != before or look % _SPEAK_EVERY == 0:
            before = now
            yield ServerSentEventMessage(event="changed", data=str(now))


@get("/events", summary="Server-sent events: `changed` whenever the history was written to, and every 20 seconds")
async def events(reading: Answers) -> ServerSentEvent:
    """What changed, /findings says."""
    return ServerSentEvent(changes(reading.serial))
