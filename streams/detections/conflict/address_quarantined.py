"""Entra ID left an address off an object, because somebody else has it, and will not mention it again.

Source: Microsoft, "Identity synchronization and duplicate attribute resiliency"; Graph onPremisesProvisioningError
(category PropertyConflict, propertyCausingError ProxyAddress; unknown words are accepted as they come).
"""

from __future__ import annotations

from typing import Any

from streams.contracts.finding import Severity
from streams.contracts.times import time_in
from streams.detections.conflict._quarantine import HEALS_WITHIN_S, errors_without_value
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import in_error
from streams.views.address.address_view import AddressView, Claimant
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="conflict.address_quarantined",
    views=(AddressView, UserView, GroupView, ContactView),
    title="Address quarantined by Entra ID",
    severity=Severity.HIGH,
    remediation=(
        "The object lacks the address: mail to it goes to the other holder or bounces. Remove the address from "
        "the object that keeps it, or from this one in Active Directory. Entra ID restores a freed value at its "
        "hourly check."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-syncservice-duplicate-attribute-resiliency",
        "https://learn.microsoft.com/graph/api/resources/onpremisesprovisioningerror",
    ),
    explained_by=("conflict.duplicate_address", "conflict.address_owned_by_cloud_object", "conflict.upn_quarantined"),
    lingers_s=HEALS_WITHIN_S,
    known_gaps=("An error in a workload (Exchange, SharePoint) is conflict.service_provisioning_error.",),
    only_if=in_error,
)


def evaluate(view: AddressView | ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a synchronised object has a provisioning error about the address.

    An error without a usable value cannot be filed under an address, and is told on the object's own view.
    """
    return _by_address(view) if isinstance(view, AddressView) else _without_value(view)


def _by_address(view: AddressView) -> Verdict | None:
    quarantined = [(claimant, error) for claimant in view.entra for error in _errors(claimant)]
    if not quarantined:
        return None
    first, first_error = quarantined[0]
    roles = {claimant.party.identity: "quarantined" for claimant, _ in quarantined}
    for claimant in view.entra:
        if claimant.party.identity not in roles and claimant.holds:
            roles[claimant.party.identity] = "keeps"
    return Verdict(
        summary=f"{view.address.folded} is quarantined for {first.party.name}",
        since_ms=min(time_in(error, "occurredDateTime", claimant.changed_ms) for claimant, error in quarantined),
        open_at_ms=0,
        subject=view.subject(first),
        forest=view.forest_of(first),
        evidence={
            "address": view.address.folded,
            "category": first_error.get("category"),
            "property": first_error.get("propertyCausingError"),
            "objects": len(roles),
        },
        counterparts=view.holders(roles),
        explains_in=view.object_views(claimant for claimant, _ in quarantined),
    )


def _errors(claimant: Claimant) -> list[dict[str, Any]]:
    return [
        dict(claim.error)
        for claim in claimant.claims
        if claim.error is not None and claim.attribute.lower() != "userprincipalname"
    ]


def _without_value(view: ObjectView) -> Verdict | None:
    side, error = next(errors_without_value(view), (None, {}))
    if side is None:
        return None
    return Verdict(
        summary=f"{side.party.name} has a provisioning error that names no value",
        since_ms=time_in(error, "occurredDateTime", side.changed_ms),
        open_at_ms=0,
        subject=side.party.subject(view.key),
        forest=next((ad.party.forest for ad in view.ad), None),
        evidence={"category": error.get("category"), "property": error.get("propertyCausingError")},
        counterparts=tuple(ad.party.holder() for ad in view.ad),
    )
