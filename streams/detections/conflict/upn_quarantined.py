"""Entra ID replaced a user's UPN by a placeholder, because somebody else has it.

Source: Microsoft, "Identity synchronization and duplicate attribute resiliency": a required attribute in conflict
gets a placeholder <prefix>+<4 digits>@<initial domain>; the client logs no error, the mail comes once.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import time_in
from streams.detections.conflict._quarantine import HEALS_WITHIN_S
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.addresses import is_placeholder_upn
from streams.views.address.address_view import AddressView, Claimant

DETECTION = Detection(
    id="conflict.upn_quarantined",
    views=(AddressView,),
    title="UPN quarantined: the user has a placeholder name",
    severity=Severity.HIGH,
    remediation=(
        "The user cannot sign in with the expected name. Remove the name from the object that keeps it, or give "
        "the user another one in Active Directory. Entra ID restores a freed name at its hourly check."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-syncservice-duplicate-attribute-resiliency",
    ),
    explained_by=("conflict.duplicate_address", "conflict.address_owned_by_cloud_object"),
    lingers_s=HEALS_WITHIN_S,
    false_positives=("A person whose on-premises name really ends in four digits, in a tenant without own domain.",),
)


def evaluate(view: AddressView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a synchronised user should have this UPN and has a placeholder, or the service says so."""
    quarantined = [claimant for claimant in view.entra if _is_quarantined(claimant, context)]
    if not quarantined:
        return None
    first = quarantined[0]
    since_ms = min(_occurred_ms(claimant) for claimant in quarantined)
    roles = {claimant.party.identity: "quarantined" for claimant in quarantined}
    for claimant in view.claimants:
        if claimant.party.identity not in roles and claimant.holds and claimant.party.side == "entra":
            roles[claimant.party.identity] = "keeps"
    return Verdict(
        summary=f"{view.address.folded} is quarantined; {first.party.name} is what the user got instead",
        since_ms=since_ms,
        open_at_ms=0,
        subject=view.subject(first),
        forest=view.forest_of(first),
        evidence={
            "address": view.address.folded,
            "placeholder": first.party.user_principal_name,
            "recorded_by_service": any(claim.error for claim in first.claims),
        },
        counterparts=view.holders(roles),
        explains_in=view.object_views(quarantined),
    )


def _is_quarantined(claimant: Claimant, context: Context) -> bool:
    cloud_upn = claimant.party.user_principal_name or ""
    for claim in claimant.claims:
        if not claim.wanted:
            continue
        if claim.error is not None and claim.attribute.lower() == "userprincipalname":
            return True
        if claim.error is None and is_placeholder_upn(cloud_upn, claim.value, context.initial_domain):
            return True
    return False


def _occurred_ms(claimant: Claimant) -> int:
    errors = [claim.error for claim in claimant.claims if claim.error is not None]
    return min(
        (time_in(error, "occurredDateTime", claimant.changed_ms) for error in errors), default=claimant.changed_ms
    )
