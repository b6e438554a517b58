"""What the lab's logs tell, read from the lab itself and mapped as the sources map it."""

from __future__ import annotations

from deploy.lab.hybrid import HybridOrganisation
from producers.eventlog.winlogbeat import winlogbeat_events
from producers.graph.mapping.audits import audit_event
from streams.contracts.events import Event


class LabEvents:
    """Reads the logs of the Connect server and of Entra's audit again and again; each record is mapped once."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._lab = lab
        self._mapped: dict[int, tuple[object, list[Event]]] = {}  # by identity, which holding the record keeps its own

    def read(self) -> list[Event]:
        """Every event that the logs tell now."""
        tenant = self._lab.tenant.tenant_id
        found: list[Event] = []
        for document in self._lab.engine.log.documents:
            if id(document) not in self._mapped:
                self._mapped[id(document)] = document, list(winlogbeat_events(document, tenant, 0))
            found += self._mapped[id(document)][1]
        for row in self._lab.tenant.logs["directoryAudits"].oldest_first():
            if id(row) not in self._mapped:
                event = audit_event(row.item(), tenant, 0)
                self._mapped[id(row)] = row, [event] if event is not None else []
            found += self._mapped[id(row)][1]
        return found
