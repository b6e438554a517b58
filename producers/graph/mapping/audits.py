"""A row of auditLogs/directoryAudits -> an event, for the rows that say something about synchronisation. Pure.

Source: Microsoft Graph, directoryAudit; Microsoft, "Microsoft Entra audit log activity reference". Spelling varies
between pages and over time ("self-serve"), so names are compared in lower case. Nothing that could hold a secret is
taken over: values of modified properties only for the configuration of the directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from streams.contracts.codec import NotJsonError, load_document
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event, Log, Result
from streams.contracts.times import parse_rfc3339
from streams.reference_data.product_names import names

LONGEST_REASON = 1000
_LONGEST_VALUE = 200
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OBJECTS = ("user", "device", "group")
# The application identity of Connect (2.5.3.0 and later) and the account before it: both name the server. An
# application of one's own ("bring your own certificate") has any name: the settings say which one it is (Microsoft,
# "Authenticate to Microsoft Entra ID by using application identity").
_SYNC_APP = re.compile(r"ConnectSyncProvisioning_(.+)_[0-9a-f]{12}", re.IGNORECASE)
_SYNC_USER = re.compile(r"Sync_(.+)_[0-9a-f]{12}@.+", re.IGNORECASE)
_SERVICES = frozenset(
    {
        "self-service password management",
        "device registration service",
        "account provisioning",
        "application proxy",
    }
)
_CATEGORIES = frozenset({"directorymanagement", "device", "policy", "sourceofauthoritypolicy"})
_VALUES_OF = frozenset({"directorymanagement", "policy", "sourceofauthoritypolicy"})
_ACTIVITIES = frozenset(
    {"change user password", "reset user password", "reset password", "restore user", "hard delete user"}
)


def audit_event(
    item: Mapping[str, Any], tenant: str, seen_ms: int, sync_applications: Mapping[str, str] = MappingProxyType({})
) -> Event | None:
    """The event of one row; None for a row that says nothing about synchronisation.

    sync_applications: name or id of an application, in lower case -> the Connect server that signs in with it.

    details: category, service (lower case), agent ("none", "connect", "cloudsync" or the text), sync_server (the
    server whose sync identity did it, lower case), target_type, target_name, changed (names of the modified
    properties), values (their new values, of the directory's configuration only).

    Raises InvalidRecordError("no_id" or "wrong_type") if it is not a row.
    """
    name = _text(item, "activityDisplayName").lower().replace("self-serve ", "self-service ")
    category, service = _text(item, "category"), _text(item, "loggedByService").lower()
    initiator = _initiator(item)
    server = sync_server(initiator) or sync_applications.get((initiator or "").lower())
    if not (
        server
        or service in _SERVICES
        or category.lower() in _CATEGORIES
        or name in _ACTIVITIES
        or "source of authority" in name
    ):
        return None
    target = _target(item)
    agent = next((value.lower() for key, value in _pairs(item) if key.lower() == "onpremisesagent"), None)
    modified = _tables(target.get("modifiedProperties"))
    changed = [entry for entry in modified if isinstance(entry.get("displayName"), str)]
    details: dict[str, Any] = {
        "category": category,
        "service": service,
        "agent": _agent(agent) if agent else None,
        "sync_server": server,
        "target_type": _text(target, "type") or None,
        "target_name": _text(target, "displayName") or None,
        "changed": [entry["displayName"] for entry in changed] or None,
    }
    if category.lower() in _VALUES_OF:
        details["values"] = {entry["displayName"]: _plain(entry.get("newValue")) for entry in changed} or None
    result = _text(item, "result").lower()
    found = target.get("id") if str(target.get("type")).lower() in _OBJECTS else None
    return Event(
        id=event_id(item),
        log=Log.AUDIT,
        name=name,
        tenant=tenant,
        ts_ms=event_time(item),
        seen_ms=seen_ms,
        entra_id=guid(found),
        user_principal_name=_text(target, "userPrincipalName") or None,
        correlation_id=_text(item, "correlationId") or None,
        result=Result(result) if result in ("success", "failure") else None,
        reason=_text(item, "resultReason")[:LONGEST_REASON] or None,
        initiator=initiator,
        details={key: value for key, value in details.items() if value is not None},
    )


def sync_server(initiator: str | None) -> str | None:
    """The server whose sync identity this is, in lower case; None for anybody else."""
    found = _SYNC_APP.fullmatch(initiator or "") or _SYNC_USER.fullmatch(initiator or "")
    return found[1].lower() if found else None


def event_id(item: object) -> str:
    """The id of a row. Raises InvalidRecordError("no_id")."""
    found = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(found, str) or not found:
        raise InvalidRecordError("no_id", "the row has no id")
    return found


def event_time(item: Mapping[str, Any], name: str = "activityDateTime") -> int:
    """When a row says it happened (ms), under `name`. Raises InvalidRecordError("wrong_type")."""
    try:
        return parse_rfc3339(_text(item, name))
    except (ValueError, OverflowError) as error:
        raise InvalidRecordError("wrong_type", f"{name} is no time: {error}") from error


def guid(value: object) -> str | None:
    """A GUID in lower case; None for anything else."""
    text = value.lower() if isinstance(value, str) else ""
    return text if _GUID.fullmatch(text) else None


def _agent(name: str) -> str:
    return "connect" if names(name, "connect") else name.replace(" ", "")


def _initiator(item: Mapping[str, Any]) -> str | None:
    initiated = item.get("initiatedBy")
    initiated = initiated if isinstance(initiated, Mapping) else {}
    for kind, keys in (("user", ("userPrincipalName", "displayName", "id")), ("app", ("displayName", "appId"))):
        found = initiated.get(kind)
        if isinstance(found, Mapping):
            named = next((found[key] for key in keys if isinstance(found.get(key), str) and found[key]), None)
            if named is not None:
                return str(named)
    return None


def _target(item: Mapping[str, Any]) -> dict[str, Any]:
    """The first target that is an object we know, else the first one."""
    targets = _tables(item.get("targetResources"))
    objects = [target for target in targets if str(target.get("type")).lower() in _OBJECTS]
    return next(iter([*objects, *targets]), {})


def _pairs(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in _tables(item.get("additionalDetails")):
        if isinstance(entry.get("key"), str) and isinstance(entry.get("value"), str):
            yield entry["key"], entry["value"]


def _tables(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _plain(value: object) -> Any:
    """Values are JSON in a string, or plain text."""
    if not isinstance(value, str):
        return None
    try:
        found = load_document(value)
    except NotJsonError:
        return value[:_LONGEST_VALUE]
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, bool | int) else str(found)[:_LONGEST_VALUE]


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRecordError("wrong_type", f"{name} is a {type(value).__name__}, which Graph does not send")
    return value
