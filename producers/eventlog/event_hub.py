"""Entra's logs as Azure Monitor sends them to Event Hubs -> events. Pure.

An event's id is Graph's, so one that is read both ways is one event.

Source: Microsoft, "Stream activity logs to an event hub"; "Azure Monitor: resource log schema".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from producers.eventlog.graph_shape import audit_item, provisioning_item
from producers.graph.mapping.audits import audit_event
from producers.graph.mapping.provisioning import provisioning_event
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event

_AUDITS, _PROVISIONING = "auditlogs", "provisioninglogs"


@dataclass(frozen=True, slots=True)
class HubRecord:
    """One of the records that a message holds."""

    raw: Any

    def events(
        self, tenant: str, seen_ms: int, sync_applications: Mapping[str, str] = MappingProxyType({})
    ) -> list[Event]:
        """What it says of `tenant`; nothing for categories that are not read, of which a hub may hold many.

        sync_applications: see `audit_event`.

        Raises InvalidRecordError: "wrong_shape", "wrong_tenant" for another tenant's, or what the mapping refuses.
        """
        if not isinstance(self.raw, dict):
            raise InvalidRecordError("wrong_shape", "a record is not an object")
        # "Level" and "level", "resourceId" and "resourceid": Azure Monitor's capitals vary between services.
        record = {key.lower(): value for key, value in self.raw.items()}
        category = str(record.get("category")).lower()
        if category not in (_AUDITS, _PROVISIONING):
            return []
        owner = _tenant(record)
        if owner != tenant.lower():
            raise InvalidRecordError(
                "wrong_tenant",
                f"the record is of tenant {owner or 'unknown'}, the [[eventlog]] table says {tenant}: "
                "correct the table, or send each tenant's logs to a hub of their own",
            )
        if category == _AUDITS:
            event = audit_event(audit_item(record), tenant, seen_ms, sync_applications)
        else:
            event = provisioning_event(provisioning_item(record), tenant, seen_ms)
        return [] if event is None else [event]


def records_of(document: Any) -> list[HubRecord]:
    """The records in a message: {"records": […]}, or a single one that has a category.

    Raises InvalidRecordError("wrong_shape") for a message of anybody else's.
    """
    if not isinstance(document, dict):
        raise InvalidRecordError("wrong_shape", "the message is not an object")
    if "records" not in document and "category" not in document:
        raise InvalidRecordError("wrong_shape", "the message has no records: is this a hub of diagnostic settings?")
    records = document.get("records", [document])
    if not isinstance(records, list):
        raise InvalidRecordError("wrong_shape", "records is not a list")
    return [HubRecord(raw) for raw in records]


def _tenant(record: Mapping[str, Any]) -> str:
    """Whose record it is, in lower case; "" where it does not say."""
    named = record.get("tenantid")
    if isinstance(named, str) and named:
        return named.lower()
    _, _, rest = str(record.get("resourceid")).lower().partition("/tenants/")
    return rest.partition("/")[0]
