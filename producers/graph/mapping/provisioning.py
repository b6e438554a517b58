"""A row of auditLogs/provisioning -> an event: what Cloud Sync did with one object. Pure.

Source: Microsoft Graph, provisioningObjectSummary; capitals of its words vary between pages. It covers Cloud Sync and
application provisioning, never Entra Connect Sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from producers.graph.mapping.audits import LONGEST_REASON, event_id, event_time, guid
from streams.contracts.events import Event, Log, Result
from streams.reference_data.product_names import names

_RESULTS = {"success": Result.SUCCESS, "failure": Result.FAILURE}


def provisioning_event(item: Mapping[str, Any], tenant: str, seen_ms: int) -> Event | None:
    """The event of one row; None for a job that has nothing to do with Active Directory.

    details: status, error_code, category, job_id, job_kind (the job's id before its first dot), cycle_id, failed_step,
    source_system, target_system, source_name, target_name, identity_type, skip_reason.

    Raises InvalidRecordError("no_id" or "wrong_type") if it is not a row.
    """
    systems = {side: _table(item.get(f"{side}System")) for side in ("source", "target")}
    identities = {side: _table(item.get(f"{side}Identity")) for side in ("source", "target")}
    job = _text(item.get("jobId"))
    kind = job.partition(".")[0]
    in_entra = {side for side, system in systems.items() if names(_text(system.get("displayName")), "entra")}
    in_ad = {side for side, system in systems.items() if names(_text(system.get("displayName")), "active directory")}
    in_ad -= in_entra
    if not in_ad and "AD2" not in kind.upper():
        return None
    info = _table(item.get("provisioningStatusInfo"))
    error = _table(info.get("errorInformation"))
    status = _text(info.get("status")).lower()
    listed = item.get("provisioningSteps")
    steps = [_table(step) for step in listed if isinstance(step, Mapping)] if isinstance(listed, list) else []
    failed = next((step for step in steps if _text(step.get("status")).lower() == "failure"), {})
    reason = ": ".join(part for part in (_text(error.get("errorCode")), _text(error.get("reason"))) if part)
    details = {
        "status": status,
        "error_code": _text(error.get("errorCode")),
        "category": _text(error.get("errorCategory")),
        "job_id": job,
        "job_kind": kind,
        "cycle_id": _text(item.get("cycleId")),
        "failed_step": _text(failed.get("name")),
        "source_system": _text(systems["source"].get("displayName")),
        "target_system": _text(systems["target"].get("displayName")),
        "source_name": _text(identities["source"].get("displayName")),
        "target_name": _text(identities["target"].get("displayName")),
        "identity_type": _identity_type(identities),
        "skip_reason": _skip_reason(steps)[:LONGEST_REASON],
    }
    initiator = _table(item.get("initiatedBy"))
    return Event(
        id=event_id(item),
        log=Log.PROVISIONING,
        name=_text(item.get("provisioningAction")).lower(),
        tenant=tenant,
        ts_ms=event_time(item),
        seen_ms=seen_ms,
        entra_id=_first_guid(identities, in_entra),
        object_guid=_first_guid(identities, in_ad),
        correlation_id=_text(item.get("changeId")) or None,
        result=_RESULTS.get(status),
        reason=reason[:LONGEST_REASON] or None,
        initiator=_text(initiator.get("displayName")) or None,
        details={key: value for key, value in details.items() if value},
    )


def _skip_reason(steps: list[dict[str, Any]]) -> str:
    """SkipReason of the step that left the object out, else its description; "" where none did.

    SkipReason stands in the step EntrySynchronizationSkip, whatever the status of that step.
    """
    words = (_text(_table(step.get("details")).get("SkipReason")) for step in steps)
    sentences = (_text(step.get("description")) for step in steps if _text(step.get("status")).lower() == "skipped")
    return next(filter(None, words), "") or next(filter(None, sentences), "")


def _identity_type(identities: Mapping[str, Mapping[str, Any]]) -> str:
    """What the row is about ("user", "group"), as its source says, else its target."""
    kinds = (_text(identities[side].get("identityType")).lower() for side in ("source", "target"))
    return next(filter(None, kinds), "")


def _first_guid(identities: Mapping[str, Mapping[str, Any]], sides: set[str]) -> str | None:
    return next((found for side in sorted(sides) if (found := guid(identities[side].get("id")))), None)


def _table(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
