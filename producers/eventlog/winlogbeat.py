"""A Windows event as Winlogbeat 8 ships it (ECS) -> events. Pure.

Of an event's data only what the readers of each provider name is kept, never the data itself.

Source: Elastic, "Winlogbeat: exported fields" (winlog.*, event.*, log.level).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from producers.eventlog import adsync, engine_cycle, password_hash, password_reset, registration, security
from producers.eventlog.known import KNOWN
from producers.eventlog.text import clean
from producers.eventlog.windows import WindowsEvent, level_of, named_data, parameters_of
from producers.eventlog.wire import Statement
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event, Log
from streams.contracts.times import parse_rfc3339

PASSWORD_RESET = "passwordresetservice"  # noqa: S105 - the name of an event provider
ADSYNC = "adsync"
DIRECTORY_SYNCHRONIZATION = "directory synchronization"
DEVICE_REGISTRATION = "user device registration"
SECURITY = "security"
OTHER = "other"
# Providers as Windows names them, in lower case -> as we name them; nobody else's events are ours.
_PROVIDERS = {
    PASSWORD_RESET: PASSWORD_RESET,
    ADSYNC: ADSYNC,
    DIRECTORY_SYNCHRONIZATION: DIRECTORY_SYNCHRONIZATION,
    f"microsoft-windows-{DEVICE_REGISTRATION}": DEVICE_REGISTRATION,
    "microsoft-windows-security-auditing": SECURITY,
}
# Events of these hold several users: each is an event of its own.
_BATCHES = frozenset({f"{DIRECTORY_SYNCHRONIZATION}/656", f"{DIRECTORY_SYNCHRONIZATION}/657"})
_READERS: dict[str, Callable[[WindowsEvent], list[Statement]]] = {
    PASSWORD_RESET: password_reset.read,
    ADSYNC: adsync.read,
    DIRECTORY_SYNCHRONIZATION: lambda event: (engine_cycle if event.id in engine_cycle.TAKEN else password_hash).read(
        event
    ),
    DEVICE_REGISTRATION: registration.read,
    SECURITY: security.read,
}
_LONGEST_NAME = 300
_DIGITS = re.compile(r"[0-9]{1,20}")


def winlogbeat_events(document: Any, tenant: str, seen_ms: int) -> list[Event]:
    """The events that a Winlogbeat document holds; none for providers and ids that are not watched.

    Raises InvalidRecordError("wrong_shape") if it is none of Winlogbeat's, or if a watched event lacks what makes it
    one: its computer, channel, record number, id or time.
    """
    winlog = _table(document).get("winlog")
    if not isinstance(winlog, dict):
        raise InvalidRecordError("wrong_shape", "the document has no winlog: is this a topic of Winlogbeat?")
    ecs = _inner(document, "event")
    provider = _PROVIDERS.get(_text(winlog.get("provider_name") or ecs.get("provider")).strip().lower())
    if provider is None:
        return []
    event_id = _whole(winlog.get("event_id"), ecs.get("code"), "winlog.event_id")
    record_id = _whole(winlog.get("record_id"), None, "winlog.record_id")
    channel = _required(winlog.get("channel"), "winlog.channel")
    computer = _required(winlog.get("computer_name") or _inner(document, "host").get("name"), "winlog.computer_name")
    server, _, domain = computer.strip().lower().partition(".")
    if not domain:  # host.name is that of whoever ships: of a collector, where events are forwarded
        host, _, of_host = _text(_inner(document, "host").get("name"))[:_LONGEST_NAME].strip().lower().partition(".")
        domain = of_host if host == server else ""
    if not server:
        _missing("winlog.computer_name")
    name = f"{provider}/{event_id}"
    own_id = f"{computer.strip().lower()}/{channel}/{record_id}"
    raw = _inner(winlog, "event_data")
    shipped = WindowsEvent(
        provider=provider,
        id=event_id,
        server=server,
        level=level_of(_inner(document, "log").get("level"), winlog.get("level"), keywords=winlog.get("keywords")),
        parameters=parameters_of(raw),
        data=named_data(raw),
        message=clean(_text(document.get("message"))),
    )
    statements = _READERS[provider](shipped)
    ts_ms = _time(_text(document.get("@timestamp")))
    return [
        Event(
            id=f"{own_id}#{number}" if name in _BATCHES else own_id,
            log=Log.WINDOWS,
            name=name,
            tenant=tenant,
            ts_ms=ts_ms,
            seen_ms=seen_ms,
            server=server,
            domain=domain or None,
            entra_id=one.entra_id,
            source_anchor=one.source_anchor,
            user_principal_name=one.user_principal_name,
            initiator=one.initiator,
            result=one.result,
            reason=one.reason,
            details={**({"level": shipped.level} if shipped.level else {}), "channel": channel, **one.details},
        )
        for number, one in enumerate(statements, 1)
    ]


def unread(document: Any) -> tuple[str, str] | None:
    """Provider and id of a document that no reader knows, ("other", "other") for a foreign provider; else None."""
    winlog, ecs = _inner(_table(document), "winlog"), _inner(document, "event")
    provider = _PROVIDERS.get(_text(winlog.get("provider_name") or ecs.get("provider")).strip().lower())
    if provider is None:
        return OTHER, OTHER
    event_id = _whole(winlog.get("event_id"), ecs.get("code"), "winlog.event_id")
    return None if event_id in KNOWN[provider].ids else (provider, str(event_id))


def _table(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidRecordError("wrong_shape", "the document is not an object")
    return document


def _inner(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _required(value: Any, name: str) -> str:
    text = _text(value)
    return text[:_LONGEST_NAME] if text.strip() else _missing(name)


def _whole(value: Any, other: Any, name: str) -> int:
    """Winlogbeat 7 writes ids as numbers, 8 as text."""
    for each in (value, other):
        if isinstance(each, int) and not isinstance(each, bool) and each >= 0:
            return each
        if isinstance(each, str) and _DIGITS.fullmatch(each):
            return int(each)
    return _missing(name)


def _time(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidRecordError("wrong_shape", "@timestamp is no RFC 3339 time") from error


def _missing(name: str) -> NoReturn:
    raise InvalidRecordError("wrong_shape", f"{name} is missing or of a wrong type")
