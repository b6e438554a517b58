"""What a cycle leaves in the server's event log: how each run ended, and what it could not do.

Source: Microsoft, "Microsoft Entra Connect Sync: Operations tab", "… Prevent accidental deletes" (116).
"""

from __future__ import annotations

from collections.abc import Iterable

from deploy.lab.events import ADSYNC, DIRECTORY_SYNCHRONIZATION, deletion_threshold_116, run_result
from deploy.lab.sync.event_log import EventLog
from deploy.lab.sync.objects import AdObject
from deploy.lab.sync.report import SUCCESS, CycleReport
from streams.contracts.identity import immutable_id_of_guid


def log_import(log: EventLog, report: CycleReport, forests: Iterable[str], tenant: str) -> None:
    """Write down import and synchronization of one cycle. `tenant`: its initial domain."""
    kind = "Full" if report.full else "Delta"
    for profile in ("Import", "Synchronization"):
        for connector in [*forests, _entra(tenant)]:
            _run(log, connector, f"{kind} {profile}", SUCCESS)


def log_export(log: EventLog, report: CycleReport, forests: Iterable[str], tenant: str, threshold: int | None) -> None:
    """Write down its export. `threshold`: how many deletions it may hold."""
    for group, member in report.unresolved:
        log.write(ADSYNC, 6949, unresolved_member(group, member), level="warning")
    if report.pending_deletes:
        text = deletion_threshold_116(report.pending_deletes, threshold or 0)
        log.write(DIRECTORY_SYNCHRONIZATION, 116, text, level="warning")
    _run(log, _entra(tenant), "Export", report.status)
    for connector in forests:
        _run(log, connector, "Export", SUCCESS)


def unresolved_member(group: str, member: str) -> str:
    """The text of a 6949: the objectGUIDs of a group and of a member that has no object in Entra ID."""
    return (
        f"Unable to export the reference 'member' of the object with SourceAnchor: {immutable_id_of_guid(group)}. "
        f"The referenced object {{{member}}} does not exist in the target connector space."
    )


def cloud_managed(found: AdObject) -> str:
    """The text of a 6956: a change of an object whose source of authority is the cloud."""
    return (
        f"Object with SourceAnchor: {found.text('mS-DS-ConsistencyGuid')}, Dn: {found.distinguished_name} is not "
        "synchronised: its source of authority is the cloud."
    )


def _entra(tenant: str) -> str:
    return f"{tenant} - AAD"


def _run(log: EventLog, connector: str, profile: str, status: str) -> None:
    event_id, text = run_result(connector, profile, status)
    log.write(ADSYNC, event_id, text, level="information" if status == SUCCESS else "warning")
