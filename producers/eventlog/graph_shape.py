"""Records of Azure Monitor in the shape in which Graph says the same. Pure.

The differences are in spelling and in what is left out: times with an offset, absent keys instead of null, "Id" and
"Name" for an identity, numbers for words, JSON in strings, other capitals.

Source: Microsoft, "Azure Monitor: resource log schema", "Microsoft Graph: directoryAudit, provisioningObjectSummary";
records of both kinds compared in Elastic's fixtures for its Azure integration.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from streams.contracts.codec import NotJsonError, load_document
from streams.contracts.errors import InvalidRecordError
from streams.contracts.times import parse_rfc3339, rfc3339

_AUDIT_KEYS = (
    *("id", "category", "correlationId", "result", "resultReason", "activityDisplayName", "activityDateTime"),
    *("loggedByService", "operationType", "userAgent", "initiatedBy", "targetResources", "additionalDetails"),
)
_PROVISIONING_KEYS = (
    *("id", "activityDateTime", "tenantId", "jobId", "cycleId", "changeId", "provisioningAction"),
    *("durationInMilliseconds", "servicePrincipal", "sourceSystem", "targetSystem", "initiatedBy", "sourceIdentity"),
    *("targetIdentity", "provisioningStatusInfo", "provisioningSteps", "modifiedProperties"),
)
_INITIATOR = {
    "user": ("id", "displayName", "userPrincipalName", "ipAddress", "userType", "homeTenantId", "homeTenantName"),
    "app": ("appId", "displayName", "servicePrincipalId", "servicePrincipalName"),
}
_TARGET_KEYS = ("id", "displayName", "type", "userPrincipalName", "groupType", "modifiedProperties")
_STEP_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")
_STATUSES = ("success", "failure", "skipped", "warning")


def audit_item(record: Mapping[str, Any]) -> dict[str, Any]:
    """The directoryAudit that Graph would show for a record, whose keys are in lower case."""
    item = _named(_properties(record), _AUDIT_KEYS)
    item["activityDateTime"] = _time(item["activityDateTime"] or record.get("time"))
    item["activityDisplayName"] = item["activityDisplayName"] or record.get("operationname")
    item["correlationId"] = item["correlationId"] or record.get("correlationid")
    item["resultReason"] = item["resultReason"] or record.get("resultdescription")
    item["result"] = _lower(item["result"] or record.get("resulttype"))
    initiated = {str(key).lower(): value for key, value in _table(item["initiatedBy"]).items()}
    item["initiatedBy"] = {
        kind: _named(_table(initiated[kind]), keys) if initiated.get(kind) else None
        for kind, keys in _INITIATOR.items()
    }
    item["targetResources"] = [_named(_table(each), _TARGET_KEYS) for each in _list(item["targetResources"])]
    for target in item["targetResources"]:
        names = ("displayName", "oldValue", "newValue")
        target["modifiedProperties"] = [_named(_table(each), names) for each in _list(target["modifiedProperties"])]
    item["additionalDetails"] = [_named(_table(each), ("key", "value")) for each in _list(item["additionalDetails"])]
    return item


def provisioning_item(record: Mapping[str, Any]) -> dict[str, Any]:
    """The provisioningObjectSummary that Graph would show for a record, whose keys are in lower case."""
    properties = _properties(record)
    item = _named(properties, _PROVISIONING_KEYS)
    item["activityDateTime"] = _time(item["activityDateTime"] or record.get("time"))
    item["durationInMilliseconds"] = _whole(item["durationInMilliseconds"])
    item["provisioningAction"] = _lower(item["provisioningAction"] or _named(properties, ("action",))["action"])
    item["servicePrincipal"] = _identity(item["servicePrincipal"])
    item["initiatedBy"] = _identity(item["initiatedBy"], "initiatorType")
    for name in ("sourceSystem", "targetSystem"):
        item[name] = _identity(item[name], "details")
    for name in ("sourceIdentity", "targetIdentity"):
        item[name] = _identity(item[name], "identityType", "details")
    status = _named(_table(item["provisioningStatusInfo"]), ("status", "errorInformation"))
    fallback = _named(_table(_named(properties, ("statusInfo",))["statusInfo"]), ("status",))["status"]
    status["status"] = _spelled(status["status"] if status["status"] is not None else fallback, _STATUSES)
    error = _table(status["errorInformation"])
    names = ("errorCode", "reason", "additionalDetails", "errorCategory", "recommendedAction")
    status["errorInformation"] = _named(error, names) if error else None
    item["provisioningStatusInfo"] = status
    item["provisioningSteps"] = [_step(_table(each)) for each in _list(item["provisioningSteps"])]
    item["modifiedProperties"] = _list(item["modifiedProperties"])
    return item


def _step(raw: Mapping[str, Any]) -> dict[str, Any]:
    step = _named(raw, ("name", "provisioningStepType", "status", "description", "details"))
    step["provisioningStepType"] = _spelled(step["provisioningStepType"], _STEP_TYPES)
    step["status"] = _spelled(step["status"], _STATUSES)
    step["details"] = _table(step["details"])
    return step


def _identity(raw: Any, *more: str) -> dict[str, Any]:
    """Id and Name are Graph's id and displayName; Type is what Graph calls initiatorType."""
    found = {str(key).lower(): value for key, value in _table(raw).items()}
    named = {"id": found.get("id"), "displayName": found.get("displayname", found.get("name"))}
    for key in more:
        named[key] = found.get(key.lower())
    if "initiatorType" in named:
        named["initiatorType"] = named["initiatorType"] or found.get("type")
    if "details" in named:
        named["details"] = _table(named["details"])
    return named


def _properties(record: Mapping[str, Any]) -> dict[str, Any]:
    properties = _decoded(record.get("properties"))
    if not isinstance(properties, dict):
        raise InvalidRecordError("wrong_shape", "the record has no properties")
    return properties


def _named(raw: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """These keys of `raw`, whatever its capitals; None for those that are left out. JSON in strings is not opened."""
    found = {str(key).lower(): value for key, value in raw.items()}
    return {key: found.get(key.lower()) for key in keys}


def _decoded(value: Any) -> Any:
    """What a string holds if it is the JSON of an object or a list; else the value itself."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return load_document(value)
        except NotJsonError:
            return value
    return value


def _table(value: Any) -> dict[str, Any]:
    found = _decoded(value)
    return found if isinstance(found, dict) else {}


def _list(value: Any) -> list[Any]:
    found = _decoded(value)
    return found if isinstance(found, list) else []


def _spelled(value: Any, words: Sequence[str]) -> Any:
    """The name that a number stands for; a name in the capitals that Graph uses."""
    text = str(value)
    if isinstance(value, int | str) and not isinstance(value, bool) and text.isdecimal():
        return words[int(text)] if len(text) < 4 and int(text) < len(words) else None
    return next((word for word in words if word.lower() == text.lower()), value)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value


def _time(value: Any) -> Any:
    """As Graph writes times, in UTC; what is no time stays as it is, for the mapping to refuse."""
    if not isinstance(value, str):
        return value
    try:
        return rfc3339(_american(value) or parse_rfc3339(value))
    except (ValueError, OverflowError):
        return value


def _american(text: str) -> int | None:
    """1/9/2007 9:41:00 AM, 01/09/2007 21:41:00, with or without an offset behind: the month first, UTC without one.

    Milliseconds; None for other forms. Source: Elastic's fixtures of its Azure integration (time formats).
    """
    if "/" not in text:
        return None
    for form in ("%m/%d/%Y %I:%M:%S %p %z", "%m/%d/%Y %H:%M:%S %z"):
        for zone in ("", " +0000"):
            with contextlib.suppress(ValueError):
                moment = datetime.strptime(text.strip() + zone, form)  # noqa: DTZ007 - each form has %z
                return int(moment.timestamp() * 1000)
    return None
