"""What one cycle did, in the words of Connect's operations page."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.lab.sync.matching import ErrorCode

SUCCESS = "success"
EXPORT_ERRORS = "completed-export-errors"
DELETION_THRESHOLD = "stopped-deletion-threshold-exceeded"


@dataclass(frozen=True, slots=True)
class ExportError:
    """One object that Entra refused, or took with a complaint.

    attribute, value: what it complains of, as event 6941 names it; anchor: the object's source anchor.
    answered: whether Entra was asked at all; a changed anchor is refused by the engine itself.
    """

    code: ErrorCode
    guid: str
    distinguished_name: str
    attribute: str | None = None
    other_id: str | None = None
    value: str | None = None
    anchor: str = ""
    answered: bool = True


@dataclass(slots=True)
class CycleReport:
    """One run of import, synchronization and export.

    exported:        whether the export ran at all; not on a staging server, nor while sync is stopped.
    pending_deletes: what a `stopped-deletion-threshold-exceeded` holds back.
    unresolved:      (group guid, member guid) pairs that could not be exported (event 6949).
    quarantined:     objectGUIDs exported with a property left out.
    """

    number: int
    full: bool
    added: int = 0
    updated: int = 0
    deleted: int = 0
    exported: bool = True
    pending_deletes: int = 0
    quarantined: list[str] = field(default_factory=list)
    errors: list[ExportError] = field(default_factory=list)
    unresolved: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The run status as Connect names it."""
        if self.pending_deletes:
            return DELETION_THRESHOLD
        return EXPORT_ERRORS if self.errors else SUCCESS
