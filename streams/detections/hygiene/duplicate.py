"""Two AD objects hold one value of an attribute that must be unique: mailNickname, targetAddress, sAMAccountName.

Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2. Addresses (userPrincipalName,
mail, proxyAddresses) are one space of their own: conflict.duplicate_address.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.party import people
from streams.views.address.unique_value_view import UniqueValueView

DETECTION = Detection(
    id="hygiene.duplicate",
    views=(UniqueValueView,),
    title="Duplicate value of a unique attribute",
    severity=Severity.LOW,
    remediation=(
        "Change the value of all holders but one in Active Directory; the finding names every holder and clears when "
        "one is left."
    ),
    references=("https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",),
    explained_by=("conflict.duplicate_address", "flow.export_error"),
    false_positives=("A person in two forests whom Entra Connect joins, unless [[tenant]] users_joined_by says so.",),
    known_gaps=("Objects in domains that no [[forest]] reads are not seen.",),
)


def evaluate(view: UniqueValueView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while two different identities in scope hold the value."""
    holders = [holder for holder in view.holders if holder.party.in_scope]
    if len(people(holder.party for holder in holders)) < 2:
        return None
    first = holders[0].party
    return Verdict(
        summary=f"{view.attribute} {holders[0].value} is held by {len(holders)} objects in Active Directory",
        since_ms=sorted(holder.changed_ms for holder in holders)[1],
        subject=first.subject(view.key),
        forest=first.forest,
        evidence={
            "attribute": view.attribute,
            "value": view.folded,
            "rule": _RULES[view.attribute],
            "holders": len(holders),
        },
        counterparts=tuple(
            each.party.holder("holds" if each.party.in_scope else None, (view.attribute,)) for each in view.holders
        ),
        # Words of this value are about whoever holds it, too: the refused object, those that share the address.
        explained_by=tuple(
            each.finding
            for each in view.explanations
            if {holder.party.id for holder in holders} & each.objects
        ),
    )


_RULES = {"mailNickname": "EN-NICK-DUP", "targetAddress": "EN-TA-DUP", "sAMAccountName": "EN-SAM-DUP"}
