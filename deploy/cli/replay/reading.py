"""What one document of a file is, and what the product's own readers make of it. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from producers.eventlog.event_hub import records_of
from producers.eventlog.known import KNOWN
from producers.eventlog.winlogbeat import winlogbeat_events
from producers.graph.mapping.audits import audit_event
from producers.graph.mapping.provisioning import provisioning_event
from streams.contracts.codec import convert, dump_document, load_document
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event, EventChunk
from streams.contracts.facts import FactChunk, TenantState

_NAME_OF = {provider.name.lower(): short for short, provider in KNOWN.items()}
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Read:
    """What became of one document.

    kind:   what it is, e.g. "ADSync 6941", "audit: update user", "facts".
    known:  whether a reader knows it; where not, `text` is the first line of what it says, or why it is refused.
    left_out: it was recognised, and says nothing of synchronisation.
    """

    kind: str
    known: bool
    text: str = ""
    level: str = ""
    left_out: bool = False
    events: list[Event] = field(default_factory=list)
    facts: FactChunk | None = None
    tenant: TenantState | None = None


def read(document: Any, tenant: str | None, depth: int = 0) -> Iterator[Read]:
    """What a document of any form that we take says.

    tenant: whose records are taken from a hub; None: everybody's, as one tenant's.
    """
    if not isinstance(document, dict):
        yield Read("not an object", False, text=str(document)[:200])
        return
    try:
        yield from _read(document, tenant, depth)
    except InvalidRecordError as error:
        yield Read(_kind(document), False, text=str(error))
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:  # somebody else's shape
        yield Read(_kind(document), False, text=f"{type(error).__name__}: {error}")


def _read(document: dict[str, Any], tenant: str | None, depth: int) -> Iterator[Read]:
    if isinstance(document.get("winlog"), dict):
        yield _windows(document, tenant or "")
    elif document.get("type") == "deadletter" and depth < _DEEPEST:
        yield from read(_original(document), tenant, depth + 1)
    elif document.get("type") in ("events", "facts", "tenant"):
        yield _recorded(document)
    elif isinstance(document.get("value"), list) and depth < _DEEPEST:  # a page of Graph
        for row in document["value"]:
            yield from read(row, tenant, depth + 1)
    elif "records" in document or {"category", "properties"} <= {key.lower() for key in document}:
        yield from _hub(document, tenant)
    elif "provisioningStatusInfo" in document or "provisioningAction" in document:
        event = provisioning_event(document, tenant or "", 0)
        yield _row("provisioning", str(document.get("provisioningAction")), event)
    elif "activityDisplayName" in document:
        yield _row("audit", str(document.get("activityDisplayName")), audit_event(document, tenant or "", 0))
    else:
        yield Read(_kind(document), False, text=dump_document(document).decode()[:200])


def _windows(document: dict[str, Any], tenant: str) -> Read:
    winlog = document["winlog"]
    spelt = str(winlog.get("provider_name") or "")
    number = str(winlog.get("event_id"))
    level = str(_part(document, "log").get("level") or winlog.get("level") or "")
    kind = f"{spelt} {number}"
    try:
        events = winlogbeat_events(document, tenant, 0)
    except InvalidRecordError as error:
        return Read(kind, False, text=str(error), level=level)
    known = KNOWN.get(_NAME_OF.get(spelt.strip().lower(), ""))
    if known is not None and events and number.isdecimal() and int(number) in known.ids:
        return Read(kind, True, events=[_at_its_time(event) for event in events])
    return Read(kind, False, text=_first_line(document, winlog), level=level)


def _hub(document: dict[str, Any], tenant: str | None) -> Iterator[Read]:
    for record in records_of(document):
        raw = record.raw if isinstance(record.raw, dict) else {}
        lowered = {str(key).lower(): value for key, value in raw.items()}
        category, name = str(lowered.get("category")), str(lowered.get("operationname"))
        owner = tenant or str(lowered.get("tenantid") or "") or _tenant_of(str(lowered.get("resourceid")))
        try:
            events = record.events(owner, 0)
        except InvalidRecordError as error:
            yield Read(f"hub {category}", False, text=str(error))
            continue
        if category.lower() not in ("auditlogs", "provisioninglogs"):
            yield Read(f"hub {category}", False, text=name)
        elif events:
            yield Read(f"hub {category}: {events[0].name}", True, events=[_at_its_time(event) for event in events])
        else:
            yield Read(f"hub {category}: {name}", True, left_out=True)


def _row(log: str, name: str, event: Event | None) -> Read:
    kind = f"{log}: {name.lower()}"
    return Read(kind, True, left_out=True) if event is None else Read(kind, True, events=[_at_its_time(event)])


def _recorded(document: dict[str, Any]) -> Read:
    kind = str(document["type"])
    if kind == "events":
        return Read("recorded events", True, events=list(convert(document, EventChunk).events))
    if kind == "facts":
        return Read("recorded facts", True, facts=convert(document, FactChunk))
    return Read("recorded tenant", True, tenant=convert(document, TenantState))


def _original(document: dict[str, Any]) -> Any:
    try:
        return load_document(base64.b64decode(str(document.get("original")), validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidRecordError("not_json", f"the original of a dead letter cannot be read: {error}") from error


def _at_its_time(event: Event) -> Event:
    return msgspec.structs.replace(event, seen_ms=event.ts_ms)


def _first_line(document: dict[str, Any], winlog: Mapping[str, Any]) -> str:
    data = _part(winlog, "event_data")
    message = str(document.get("message") or "") or "; ".join(f"{name}: {value}" for name, value in data.items())
    return next((line.strip() for line in message.splitlines() if line.strip()), "")[:200]


def _kind(document: Mapping[str, Any]) -> str:
    """What a document calls itself, as far as it does."""
    for name in ("category", "type", "@odata.type", "operationName"):
        if isinstance(document.get(name), str):
            return f"unknown document, {name} {document[name][:60]}"
    return f"unknown document with {', '.join(sorted(map(str, document))[:4])}"[:120] if document else "empty document"


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _tenant_of(resource: str) -> str:
    return resource.lower().partition("/tenants/")[2].partition("/")[0]
