"""Two AD objects claim one address, so Entra ID quarantines it for the second, or takes the second in no export.

Source: Microsoft, "Identity synchronization and duplicate attribute resiliency"; "Troubleshoot errors during
synchronization", AttributeValueMustBeUnique; preparation rule: "with duplicates the first synced object wins".
"""

from __future__ import annotations

from streams.contracts import view_keys
from streams.contracts.finding import Severity
from streams.detections.conflict._of_address import REFUSED
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.party import people
from streams.views.address.address_view import AddressView, Claimant

DETECTION = Detection(
    id="conflict.duplicate_address",
    views=(AddressView,),
    title="Duplicate address in Active Directory",
    severity=Severity.HIGH,
    remediation=(
        "Decide which object should own the address, and remove it from userPrincipalName, mail and "
        "proxyAddresses of the others in Active Directory. The finding clears with the change; Entra ID gives the "
        "value back at its hourly check after the next synchronisation."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-syncservice-duplicate-attribute-resiliency",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",
    ),
    false_positives=(
        "A person in two forests whom Entra Connect joins, unless [[tenant]] users_joined_by says so.",
        "A planned mailbox migration that copies addresses before it removes them.",
    ),
    known_gaps=(
        "Objects in domains that no [[forest]] reads are not seen.",
        "That an object is managed in the cloud, and claims nothing any more, is known once the tenant was read.",
    ),
)


def evaluate(view: AddressView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while two different identities in scope claim the address."""
    claimants = view.ad
    persons = people(claimant.party for claimant in claimants)
    if len(persons) < 2:
        return None
    owner, certain = _owner(view, claimants)
    own = next((person for person in persons if owner is not None and owner.party in person), [])
    losers = [claimant for claimant in claimants if claimant.party not in own]
    roles = {loser.party.identity: _fate(view, loser) for loser in losers}
    if owner is not None:
        roles |= dict.fromkeys((party.identity for party in own), "keeps" if certain else "likely_keeps")
    for cloud in view.entra:
        if cloud.holds:
            roles.setdefault(cloud.party.identity, "holds")
    first, resilient = losers[0], view.address.is_smtp
    return Verdict(
        summary=f"{view.address.folded} is claimed by {len(claimants)} objects in Active Directory; "
        + (f"{first.party.name} loses it in Entra ID" if resilient else f"Entra ID refuses {first.party.name}"),
        since_ms=sorted(claimant.changed_ms for claimant in claimants)[1],
        subject=view.subject(first),
        forest=first.party.forest,
        evidence={
            "address": view.address.folded,
            "claimants": len(claimants),
            "forests": sorted({claimant.party.forest or "" for claimant in claimants}),
            "effect": "quarantine" if resilient else "export_error",
            "owner": owner.party.name if owner is not None else None,
        },
        counterparts=view.holders(roles),
        # The owner, too: who that is may be a guess, and a target of the same name is the same duplicate once more.
        explains_in=(
            *view.object_views(view.claimants),
            view_keys.value(view.tenant, "targetAddress", view.address.folded),
        ),
    )


def _owner(view: AddressView, claimants: list[Claimant]) -> tuple[Claimant | None, bool]:
    """Who keeps the address, and whether that is certain: who has it in the cloud, else likely the oldest."""
    for claimant in claimants:
        cloud = view.cloud_side(claimant)
        if cloud is not None and cloud.holds:
            return claimant, True
    if any(cloud.holds for cloud in view.entra):
        return None, True  # another cloud object has it already
    return min(claimants, key=lambda claimant: (claimant.party.created or "~", claimant.party.identity)), False


def _fate(view: AddressView, claimant: Claimant) -> str:
    if not view.address.is_smtp:
        return REFUSED
    cloud = view.cloud_side(claimant)
    return "quarantined" if cloud is not None and not cloud.holds else "would_be_quarantined"
