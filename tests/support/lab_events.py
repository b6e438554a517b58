"""What the lab's logs tell, read from the lab itself and mapped as the sources map it."""

from __future__ import annotations

from deploy.lab.hybrid import HybridOrganisation
from producers.eventlog.winlogbeat import winlogbeat_events
from producers.graph.audit_mapping import audit_event
from streams.contracts.events import Event


def events_of_lab(lab: HybridOrganisation) -> list[Event]:
    """The events of the Connect server and of the audit log."""
    tenant = lab.tenant.tenant_id
    told = [each for document in lab.engine.log.documents for each in winlogbeat_events(document, tenant, 0)]
    rows = (audit_event(row.item(), tenant, 0) for row in lab.tenant.logs["directoryAudits"].oldest_first())
    return told + [event for event in rows if event is not None]
