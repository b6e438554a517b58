"""What Graph says of the synchronisation itself, as TenantState carries it: settings of Connect, jobs of Cloud Sync.

Source: Microsoft Graph v1.0 metadata (synchronizationJob, onPremisesDirectorySynchronization); beta for the version.
Microsoft, "Understand the Microsoft Entra schema" shows the settings of a job of Cloud Sync: its forest, and after how
many deletions it goes into quarantine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Graph sends the year 1 for a time that was never set.
_NEVER = "0001-01-01"
_DURATION = re.compile(r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.\d{1,9})?S)?)?")
_LONGEST_NUMBER = 10
_MOST_GROUPS = 100  # a configuration takes 59
_SECONDS = (86_400, 3600, 60, 1)


def settings_of(entity: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of onPremisesSynchronization that v1.0 or the beta tells; what it does not tell is absent."""
    configuration = _part(entity, "configuration")
    prevention = _part(configuration, "accidentalDeletionPrevention")
    return _plain_values(
        deletion_prevention=prevention.get("synchronizationPreventionType"),
        deletion_threshold=prevention.get("alertThreshold"),
        anchor_attribute=configuration.get("anchorAttribute"),
        client_version=configuration.get("synchronizationClientVersion"),
        interval_s=_duration_s(configuration.get("synchronizationInterval")),
    )


def job_of(job: Mapping[str, Any], service_principal: str) -> dict[str, Any]:
    """A synchronizationJob, flat. The kind is the beginning of its id: templateId may differ from it."""
    status = _part(job, "status")
    quarantine = _part(status, "quarantine")
    error = _part(quarantine, "error")
    name = str(job["id"])
    pairs = job.get("synchronizationJobSettings")
    settings = {
        pair["name"].lower(): pair["value"]
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, Mapping) and isinstance(pair.get("name"), str) and isinstance(pair.get("value"), str)
    }
    return _plain_values(
        id=name,
        kind=name.partition(".")[0],
        service_principal=service_principal,
        state=_part(job, "schedule").get("state"),
        code=status.get("code"),
        quarantine_reason=quarantine.get("reason"),
        quarantine_since=_time(quarantine, "currentBegan") or _time(quarantine, "seriesBegan"),
        quarantine_error=error.get("code") or error.get("message"),
        failures=status.get("countSuccessiveCompleteFailures"),
        last_run=_time(_part(status, "lastExecution"), "timeEnded"),
        last_success=_time(_part(status, "lastSuccessfulExecution"), "timeEnded"),
        escrowed=status.get("escrowsPruned"),
        deletion_threshold=_number(settings.get("quarantinetoomanydeletesthreshold")),
        forest=(settings.get("forestfqdn") or "").lower() or None,
    )


def groups_of(schema: Mapping[str, Any]) -> list[str] | None:
    """The distinguished names of the groups by which a job's synchronizationSchema is scoped; [] where none does, None
    where it does not tell.

    Source: Microsoft Graph, groupFilter: includedGroups of a synchronizationRule, "an empty list means no group
    filtering is configured".
    """
    rules = schema.get("synchronizationRules")
    if not isinstance(rules, list):
        return None
    named = (_part(rule, "groupFilter").get("includedGroups") for rule in rules if isinstance(rule, Mapping))
    found = {name for names in named if isinstance(names, list) for name in names if isinstance(name, str)}
    return sorted(found)[:_MOST_GROUPS]


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() and len(value) < _LONGEST_NUMBER else None


def _duration_s(value: object) -> int | None:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or not any(found.groups()):
        return None
    return sum(int(number or 0) * seconds for number, seconds in zip(found.groups(), _SECONDS, strict=True))


def _part(entity: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = entity.get(name)
    return value if isinstance(value, Mapping) else {}


def _time(entity: Mapping[str, Any], name: str) -> str | None:
    value = entity.get(name)
    return value if isinstance(value, str) and not value.startswith(_NEVER) else None


def _plain_values(**values: Any) -> dict[str, Any]:
    """What was told, and is a plain value: anything else would not be Graph's."""
    return {name: value for name, value in values.items() if isinstance(value, str | int | float | bool)}
