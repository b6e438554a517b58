"""The golden event samples: logs in the form in which they are shipped, read by the product's own readers.

`<name>.json` is a document of Winlogbeat 8, a message of Event Hubs or an object of Graph, with invented names; its
`_source`, `_confidence` and `_notes` say where the form is known from and how well. `<name>.expected.json` beside it
is what must be read from it, written by hand from the sample and its source, never from what the reader said.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import orjson

from producers.eventlog.event_hub import records_of
from producers.eventlog.text import clean
from producers.eventlog.winlogbeat import winlogbeat_events
from producers.graph.collections import DEVICES, USERS
from producers.graph.mapping.audits import audit_event
from producers.graph.mapping.objects import attributes_of
from streams.contracts.events import Event

SAMPLES = Path(__file__).parents[1] / "contract" / "golden" / "events"
TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
MESSAGE = "message"
"""Stands for the whole rendered text in an expected `reason`."""
_OF_US = ("id", "log", "tenant", "ts_ms", "seen_ms", "server", "domain")


def names() -> list[str]:
    """Every sample, by name."""
    return sorted(path.stem for path in SAMPLES.glob("*.json") if not path.stem.endswith(".expected"))


def sample(name: str) -> dict[str, Any]:
    """One sample as it is shipped."""
    found: dict[str, Any] = orjson.loads((SAMPLES / f"{name}.json").read_bytes())
    return found


def expected(name: str) -> Any:
    """What must be read from it: a list of events, or the properties of an object of Graph."""
    return orjson.loads((SAMPLES / f"{name}.expected.json").read_bytes())


def is_windows(document: dict[str, Any]) -> bool:
    """Whether it is a Windows event."""
    return "winlog" in document


def windows_events() -> dict[str, dict[str, Any]]:
    """Every sample of a Windows event."""
    return {name: document for name in names() if is_windows(document := sample(name))}


def read(name: str) -> Any:
    """What the product reads from a sample, in the form of what is expected."""
    document = sample(name)
    if is_windows(document):
        return [_plain(event, document) for event in winlogbeat_events(document, TENANT, 0)]
    if name.startswith("eventhub_"):
        events = [event for record in records_of(document) for event in record.events(TENANT, 0)]
        return [_plain(event) for event in events]
    if name.startswith("graph_audit_"):
        return [_plain(event) for event in (audit_event(document, TENANT, 0),) if event]
    return attributes_of(document, DEVICES if name.startswith("graph_device_") else USERS, full=False)


def _plain(event: Event, document: dict[str, Any] | None = None) -> dict[str, Any]:
    """The event without what every event of its kind has alike."""
    found: dict[str, Any] = msgspec.to_builtins(event)
    if document is None:
        return {name: value for name, value in found.items() if name not in ("log", "tenant", "seen_ms")}
    found["details"].pop("channel")
    if found.get("reason") == clean(document["message"])[:1000]:
        found["reason"] = MESSAGE
    return {name: value for name, value in found.items() if name not in _OF_US}
