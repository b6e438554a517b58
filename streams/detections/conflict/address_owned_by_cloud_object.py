"""An AD object claims an address that an unrelated Entra object has; the forecast says what the export will do.

Source: Microsoft, "Microsoft Entra Connect: When you have an existing tenant" (soft match: UPN and primary SMTP
address, only for objects new to Entra Connect; admin protection); "Troubleshoot errors during synchronization"
(InvalidSoftMatch, ObjectTypeMismatch, Existing Admin Role Conflict). "Duplicate attribute resiliency": quarantine is
for UPN and SMTP addresses only; an object with any other taken address (sip: …) fails to export as a whole, each cycle.
"""

from __future__ import annotations

from streams.contracts.facts import ObjectKind
from streams.contracts.finding import Severity
from streams.detections.conflict._of_address import REFUSED
from streams.detections.conflict._quarantine import HEALS_WITHIN_S
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.engines import CLOUD_SYNC, engine_said
from streams.views.address.address_view import AddressView, Claimant

DETECTION = Detection(
    id="conflict.address_owned_by_cloud_object",
    views=(AddressView,),
    title="Address already owned by a cloud object",
    severity=Severity.HIGH,
    remediation=(
        "See the forecast. soft_match: if both are the same person, nothing; else remove the address on one side "
        "before the next synchronisation. Otherwise remove the address from the cloud object, or from the AD "
        "object, or delete the cloud object if it is an orphan."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-install-existing-tenant",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",
    ),
    explained_by=("conflict.duplicate_address",),
    lingers_s=HEALS_WITHIN_S,
    false_positives=("A matching exercise that means to take cloud accounts over (forecast soft_match).",),
    known_gaps=(
        "Directory roles are known only where the application may read role assignments.",
        "Whether a guest of the same address is matched is documented nowhere: the forecast says guest.",
        (
            "The forecast is Entra Connect's: matching and the protection of administrators are described as the "
            "service's, but for Cloud Sync on no page; of a user without mail a second one was once reported "
            "(azure-docs issue 74931). Of Cloud Sync a forecast of matching is of medium severity, and names it."
        ),
        "Whether soft match on UPN is enabled is unknown to applications: the default of new tenants is assumed.",
    ),
)


_SUMMARY = {
    "soft_match": "will be taken over by",
    "guest": "is a guest with the address of",
    "quarantine": "blocks the address for",
    "export_error": "has the address, which no export can share, and will reject",
    "invalid_soft_match": "carries another source anchor and will reject",
    "object_type_mismatch": "is of another kind and will reject",
    "admin_role_conflict": "holds an admin role and will reject",
    "soft_match_blocked": "cannot be matched (soft match is blocked) and will reject",
    "refused": "was not taken over: Entra ID refuses",
    "unknown": "has the same address as",
}
_OF_MATCHING = frozenset({"invalid_soft_match", "object_type_mismatch", "admin_role_conflict", "soft_match_blocked"})
_FATES = {"soft_match": "takes_over", "export_error": REFUSED}


def evaluate(view: AddressView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while an AD object in scope claims what an Entra object that is not its own has."""
    pairs = [
        (claimant, owner)
        for claimant in view.ad
        for owner in view.entra
        if owner.holds and not claimant.party.matches(owner.party)
    ]
    # A synchronised owner whose AD object claims the address too is a duplicate in AD: the other detection.
    pairs = [pair for pair in pairs if not any(claimant.party.matches(pair[1].party) for claimant in view.ad)]
    if not pairs:
        return None
    claimant, owner = pairs[0]
    forecast = _forecast(view, claimant, owner, context)
    since_ms = max(claimant.changed_ms, owner.changed_ms)
    said = engine_said(context.engines, of_the_object=claimant.party.engine)
    # The service matches, and guards its administrators; that it does so for Cloud Sync alike no page says.
    guessed = said["engine"] == CLOUD_SYNC and forecast in _OF_MATCHING
    return Verdict(
        summary=f"{view.address.folded}: cloud object {owner.party.name} {_SUMMARY[forecast]} {claimant.party.name}",
        since_ms=since_ms,
        open_at_ms=_opens_at_ms(view, claimant, owner, since_ms, context),
        keep_open=True,
        severity=Severity.MEDIUM if forecast in ("soft_match", "guest") or guessed else None,
        subject=view.subject(claimant),
        forest=claimant.party.forest,
        evidence={
            "address": view.address.folded,
            "forecast": forecast,
            "claimed_by": sorted(set(claimant.attributes)),
            "owner_anchor": owner.party.source_anchor,
            **said,
        },
        counterparts=view.holders(
            {
                owner.party.identity: "keeps" if forecast != "soft_match" else "taken_over",
                claimant.party.identity: _FATES.get(forecast, "would_be_quarantined"),
            }
        ),
        # Whose AD object has just let go keeps the address until the next export; a cloud account waits for nothing.
        explained_by=None if all(each.party.synced for _, each in pairs) else (),
        explains_in=view.object_views(claimant for claimant, _ in pairs),
    )


def _opens_at_ms(view: AddressView, claimant: Claimant, owner: Claimant, since_ms: int, context: Context) -> int:
    """A synchronised owner may be about to hand the address over: its AD side changed, left or died two cycles ago.

    One that has had no AD side for longer, or never had one in any forest, hands nothing over. Two contacts may be one
    whose primary address, by which alone they are matched, has changed: two cycles export it.
    """
    if not owner.party.synced:
        return since_ms
    if claimant.party.kind == owner.party.kind == ObjectKind.CONTACT:
        return since_ms + context.patience_ms
    moved_ms = view.moved_ms.get(owner.party.view or "", since_ms)
    if moved_ms is None:
        return since_ms if context.forests_read else since_ms + context.patience_ms
    return max(since_ms, moved_ms + context.patience_ms)


def _forecast(view: AddressView, claimant: Claimant, owner: Claimant, context: Context) -> str:
    if not view.address.is_smtp:
        return "export_error"
    counterparts = view.counterparts.get(claimant.party.view or "")
    if view.cloud_side(claimant) is not None or counterparts:
        return "quarantine"  # matching is only tried for objects that are new to the cloud
    if counterparts is None and claimant.party.view is not None:
        return "unknown"  # its own view has not answered yet
    if not claimant.primary or (claimant.party.half and claimant.party.kind == "user"):
        return "quarantine"  # of somebody else's account, whose matching does not look at it
    if owner.party.kind != claimant.party.kind:
        return "object_type_mismatch"
    if owner.party.source_anchor and owner.party.source_anchor != claimant.party.source_anchor:
        return "invalid_soft_match"
    if context.feature("blockSoftMatchEnabled"):
        return "soft_match_blocked"
    if owner.party.id in (context.privileged_ids or ()):
        return "admin_role_conflict"
    # The engine was refused with this address at its last export of the object, or of one that it does not name.
    if claimant.party.view in view.refused or view.standing_refusal is not None:
        return "refused"
    return "guest" if owner.party.guest else "soft_match"
