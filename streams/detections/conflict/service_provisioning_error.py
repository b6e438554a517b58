"""A workload (Exchange, SharePoint …) could not take over a synchronised object.

Source: Microsoft Graph, serviceProvisioningError (createdDateTime, isResolved, serviceInstance, errorDetail).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from streams.contracts.finding import Severity
from streams.contracts.times import time_in
from streams.contracts.view_keys import ViewKind, kind_of
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.detections.conflict._of_address import OF_AN_ADDRESS, contested, findings_about
from streams.detections.conflict._quarantine import HEALS_WITHIN_S
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import in_service_error
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView
from streams.views.identity.refusals import standing_refusal, value_views
from streams.views.sides import Side

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
    explained_by=(*OF_AN_ADDRESS, "flow.export_error"),
    lingers_s=HEALS_WITHIN_S,
    known_gaps=(
        "The structure of the workload's XML is not documented: it is quoted, and searched for contested addresses.",
    ),
    only_if=in_service_error,
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
        explained_by=_explained_by(view, [str(error.get("errorDetail") or "").lower() for _, error in failures]),
    )


def _explained_by(view: ObjectView, details: list[str]) -> tuple[str, ...]:
    """The findings about the addresses that the workloads name, where each error names one that is contested."""
    refusal = standing_refusal(view)
    keys = value_views(refusal) if refusal is not None else ()
    refused = {rest_of_key(key) for key in keys if kind_of(key) == ViewKind.ADDRESS}
    known = refused | contested(view)
    named = [{address for address in known if _whole(address).search(detail)} for detail in details]
    if not all(named):
        return ()
    addresses = set().union(*named)
    return (*findings_about(view.tenant, addresses), *(["flow.export_error"] if addresses & refused else []))


def _whole(address: str) -> re.Pattern[str]:
    """The address, and not the end or the beginning of a longer one."""
    return re.compile(rf"(?<![\w.+'-]){re.escape(address)}(?![\w-]|\.\w)")


def _unresolved(side: Side) -> list[Mapping[str, Any]]:
    errors = side.attributes.get("serviceProvisioningErrors")
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict) and error.get("isResolved") is not True]
