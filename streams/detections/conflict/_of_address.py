"""Findings about single addresses, by the address: what rules on objects name as their explanation."""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts import view_keys
from streams.contracts.facts import ObjectKind
from streams.contracts.identity import finding_id
from streams.directory.state import ObjectState
from streams.views.address.address_view import address_claims
from streams.views.identity.object_view import ObjectView
from streams.views.sides import Side

CLAIMED = ("conflict.duplicate_address", "conflict.address_owned_by_cloud_object")
OF_AN_ADDRESS = (*CLAIMED, "conflict.upn_quarantined", "conflict.address_quarantined")

REFUSED = "would_fail_to_export"
"""The role of an object that claims a taken address of another prefix than SMTP: resiliency covers UPN and SMTP alone,
so it is refused as a whole, at each export.
"""


def findings_about(tenant: str, addresses: Iterable[str], detections: Iterable[str] = OF_AN_ADDRESS) -> tuple[str, ...]:
    """The ids that findings about these folded addresses would have, the cause before what follows from it."""
    keys = [view_keys.address(tenant, address) for address in sorted(addresses)]
    return tuple(finding_id(detection, key) for detection in detections for key in keys)


def contested(view: ObjectView) -> frozenset[str]:
    """The addresses of the object about which there is a finding."""
    return frozenset(each.view.split("/", 2)[2] for each in view.explanations if each.detection in OF_AN_ADDRESS)


def deciding(side: Side) -> frozenset[str]:
    """The addresses of an AD object without which it is not created in the cloud.

    Soft match looks at the UPN and the primary address; of prefixes other than SMTP resiliency keeps nothing back.
    Source: Microsoft, "Microsoft Entra Connect: When you have an existing tenant"; "Identity synchronization and
    duplicate attribute resiliency".
    """
    party = side.party
    kind, attributes = ObjectKind(party.kind), dict(side.attributes)
    state = ObjectState(object_id=party.id, side="ad", tenant=party.tenant, kind=kind, attributes=attributes)
    return frozenset(
        address
        for address, claims in address_claims(state).items()
        if ":" in address or any(claim.primary for claim in claims)
    )
