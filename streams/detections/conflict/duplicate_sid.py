"""Two objects have one SID: Entra ID takes the second of them in no export.

A domain controller that was restored from a snapshot, or a RID master seized twice, gives relative ids out once more;
a copied domain has them all twice.

Sources: Microsoft, "Microsoft Entra Connect: When you have an existing tenant" and the sync error report of Connect
Health (OnPremiseSecurityIdentifier, AttributeValueMustBeUnique); "Running Domain Controllers in Hyper-V" (USN rollback,
duplicate SIDs). [MS-ADTS] 3.1.1.1.9.2.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts.finding import Severity
from streams.contracts.identity import guid_of_immutable_id
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.party import Party
from streams.views.membership.reference_view import ReferenceView

DETECTION = Detection(
    id="conflict.duplicate_sid",
    views=(ReferenceView,),
    title="Duplicate SID",
    severity=Severity.HIGH,
    remediation=(
        "A SID cannot be changed: create the younger object anew, and give it its groups and permissions again (or "
        "delete the cloud object that an older one has left); until then either opens what was granted to the other. "
        "Then look for more in that domain (ntdsutil, security account management, check duplicate sid) and for the "
        "domain controller that was restored."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-install-existing-tenant",
        "https://learn.microsoft.com/windows-server/identity/ad-ds/get-started/virtual-dc/virtualized-domain-controllers-hyper-v",
    ),
    false_positives=("A copy of a forest that the settings read and the engine does not: take it out of the scope.",),
    known_gaps=(
        "Of computers only client errors tell: they have no view of their SID.",
        (
            "A cloud user of another anchor is told where it is older than the AD user and has another DN and UPN; "
            "else it is taken for the user's own, of which the anchor changed."
        ),
    ),
)


_OF_A_DOMAIN = "S-1-5-21-"
"""Built-in principals (S-1-5-32-…) have one SID in every domain."""


def evaluate(view: ReferenceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while two objects of AD in scope have the SID, or one that is younger than the cloud object that has it."""
    ours = [party for party in view.ad if party.in_scope and (party.sid or "").startswith(_OF_A_DOMAIN)]
    strangers = [cloud for cloud in view.entra if ours and all(given_twice(party, cloud) for party in ours)]
    twins = len({party.id for party in ours}) > 1  # one GUID in two forests: conflict.duplicate_source_anchor
    if not twins and not strangers:
        return None
    keeps = [party for party in ours if any(is_own(party, cloud) for cloud in view.entra)]
    left_out = [party for party in ours if party not in keeps] or ours
    first = max(left_out, key=lambda party: (party.created or "", party.identity))
    holders = [party for party in (*ours, *view.entra) if party is not first and not is_own(first, party)]
    return Verdict(
        summary=f"{first.name} has the SID of {holders[0].name}: Entra ID takes only one of them",
        since_ms=view.ad_changed_ms,
        subject=first.subject(view.key),
        forest=first.forest,
        evidence={
            "sid": first.sid,
            "objects_in_ad": len({party.identity for party in ours}),
            "in_cloud_of_another": [cloud.source_anchor or cloud.kind for cloud in strangers],
            "forests": sorted({party.forest or "" for party in ours}),
        },
        counterparts=(
            *(party.holder("keeps" if party in keeps else "left_out", ("objectSid",)) for party in ours),
            *(cloud.holder("holds", ("onPremisesSecurityIdentifier",)) for cloud in view.entra),
        ),
        explains_in=_views(left_out),
    )


def given_twice(party: Party, cloud: Party) -> bool:
    """Whether the cloud object of an AD object's SID cannot be its own: an older one, or one of another kind, has it.

    Of two users that differ in the anchor alone the anchor may have changed (authority.source_anchor_changed): not
    where the cloud object is older and of another name in AD, unless it bears the objectGUID, which it was exported by.
    """
    if is_own(party, cloud):
        return False
    if party.kind != cloud.kind:
        return True
    anchor = guid_of_immutable_id(cloud.source_anchor or "")
    if anchor in (None, party.id) or not party.created or not cloud.created or party.created <= cloud.created:
        return False
    names = [(party.distinguished_name or "").lower(), (cloud.distinguished_name or "").lower()]
    upns = [(party.user_principal_name or "").lower(), (cloud.user_principal_name or "").lower()]
    return all(names) and names[0] != names[1] and upns[0] != upns[1]


def is_own(party: Party, cloud: Party) -> bool:
    """Whether these are the two sides of one object."""
    return cloud.side != party.side and cloud.kind == party.kind and cloud.source_anchor == party.source_anchor


def _views(parties: Iterable[Party]) -> tuple[str, ...]:
    return tuple(sorted({party.view for party in parties if party.view}))
