"""What a cycle leaves in the server's event log: its steps, and what it could not do; a good run leaves nothing else.

Source: deploy/lab/events, whose texts are those of tests/contract/golden/events.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from deploy.lab.events import (
    ADSYNC,
    DIRECTORY_SYNCHRONIZATION,
    cycle_904,
    deletion_threshold_116,
    export_error_6941,
    run_errors_6100,
    step_904,
)
from deploy.lab.sync.event_log import EventLog
from deploy.lab.sync.report import CycleReport, ExportError
from streams.contracts.identity import immutable_id_of_guid

# As 6941 spells them.
_NAMED = {
    "userPrincipalName": "UserPrincipalName",
    "proxyAddresses": "ProxyAddresses",
    "sipProxyAddress": "SipProxyAddress",
    "onPremisesSecurityIdentifier": "OnPremiseSecurityIdentifier",
}


def log_import(log: EventLog, report: CycleReport, forests: Iterable[str], tenant: str) -> None:
    """Write down the beginning, import and synchronization of one cycle. `tenant`: its initial domain."""
    log.write(DIRECTORY_SYNCHRONIZATION, 904, cycle_904("started", full=report.full))
    kind = "Full" if report.full else "Delta"
    for profile in ("Import", "Synchronization"):
        for connector in [*forests, _entra(tenant)]:
            _step(log, connector, f"{kind} {profile}")


def log_export(log: EventLog, report: CycleReport, forests: Iterable[str], tenant: str, threshold: int | None) -> None:
    """Write down its export. `threshold`: how many deletions it may hold."""
    for _ in report.unresolved:
        log.write(ADSYNC, 6949)
    if report.pending_deletes:
        text = deletion_threshold_116(report.pending_deletes, threshold or 0)
        log.write(DIRECTORY_SYNCHRONIZATION, 116, text, level="warning")
    for refused in (error for error in report.errors if error.answered):
        log.write(ADSYNC, 6941, _refusal(refused), level="error")
    if report.errors:
        text, parameters = run_errors_6100(_entra(tenant), "Export", export_errors=len(report.errors))
        log.write(ADSYNC, 6100, text, level="error", parameters=parameters)
    for connector in [_entra(tenant), *forests]:
        _step(log, connector, "Export")


def log_end(log: EventLog, report: CycleReport) -> None:
    """Write down that the cycle is over."""
    log.write(DIRECTORY_SYNCHRONIZATION, 904, cycle_904("completed", full=report.full))


def _entra(tenant: str) -> str:
    return f"{tenant} - AAD"


def _step(log: EventLog, connector: str, profile: str) -> None:
    for word in ("Starting", "Finished"):
        log.write(DIRECTORY_SYNCHRONIZATION, 904, step_904(word, connector, profile))


def _refusal(error: ExportError) -> str:
    return export_error_6941(
        error_name=error.code,
        source_anchor=error.anchor or immutable_id_of_guid(error.guid),
        tracking_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{error.guid}/{error.code}")),
        attribute=_NAMED.get(error.attribute or "") if error.value else None,
        value=error.value,
    )
