"""A workload (Exchange, SharePoint …) could not take over a synchronised object.

Source: Microsoft Graph, serviceProvisioningError (createdDateTime, isResolved, serviceInstance, errorDetail).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.directory_object import ContactView, GroupView, ObjectView, Side, UserView
from streams.views.view import time_in

DETECTION = Detection(
    id="conflict.service_provisioning_error",
    views=(UserView, GroupView, ContactView),
    title="Provisioning error in a workload",
    severity=Severity.MEDIUM,
    remediation=(
        "Read the workload's error in the evidence. It is usually an address or GUID that another object of that "
        "workload has: correct it in Active Directory and synchronise; the workload then resolves the error."
    ),
    references=("https://learn.microsoft.com/graph/api/resources/serviceprovisioningerror",),
    known_gaps=("The structure of the workload's XML is not documented: it is quoted, not read.",),
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the object has a service provisioning error that is not resolved."""
    failures = [(side, error) for side in view.entra for error in _unresolved(side)]
    if not failures:
        return None
    side = failures[0][0]
    services = sorted({str(error.get("serviceInstance") or "unknown").partition("/")[0] for _, error in failures})
    return Verdict(
        summary=f"{side.party.name}: {', '.join(services)} reports {len(failures)} provisioning error(s)",
        since_ms=min(time_in(error, "createdDateTime", side.changed_ms) for _, error in failures),
        open_at_ms=0,
        subject=side.party.subject(view.key),
        forest=next((ad.party.forest for ad in view.ad), None),
        evidence={
            "services": services,
            "errors": [
                {
                    "service_instance": error.get("serviceInstance"),
                    "created_at": error.get("createdDateTime"),
                    "detail": str(error.get("errorDetail") or "")[:500],
                }
                for _, error in failures[:10]
            ],
        },
        counterparts=(*(ad.party.holder() for ad in view.ad), side.party.holder("failing")),
    )


def _unresolved(side: Side) -> list[Mapping[str, Any]]:
    errors = side.attributes.get("serviceProvisioningErrors")
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict) and error.get("isResolved") is not True]
