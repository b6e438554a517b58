"""A synchronised group or user points at an object that is not synchronised: the cloud lacks the link.

Source: Microsoft, "Microsoft Entra Connect Sync V2 endpoint API", dn-attributes-failure and Application event
6949: a member that is not in Entra ID could not be added; informational.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.membership.reference_view import ReferenceView

DETECTION = Detection(
    id="conflict.reference_to_unsynced_object",
    views=(ReferenceView,),
    title="Reference to an object that is not synchronised",
    severity=Severity.LOW,
    remediation=(
        "Bring the object into the scope of synchronisation, or take it out of the groups and manager fields that "
        "name it. What is in scope and missing in the cloud has a finding of its own, under which this one is counted."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-endpoint-api-v2",),
    alert=None,
    suppressed_by=("engine.scope_unknown",),
    explained_by=(
        "conflict.duplicate_source_anchor", "conflict.hard_match_blocked", "flow.export_error", "flow.missing_in_cloud",
    ),
    false_positives=("Nested administrative groups that are kept out of the cloud on purpose.",),
    known_gaps=(
        "Contacts have no SID: a reference to a contact is not judged.",
        "Where groups decide who is synchronised (scope_groups), it is not known here whether who refers is.",
    ),
)

_NAMED = 50


def evaluate(view: ReferenceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a referenced AD object is out of scope, or in scope and absent for two sync cycles."""
    target, referrers = view.missed, [each for each in view.referrers if each.party.in_scope]
    if target is None or not referrers:
        return None
    since_ms = max(view.ad_changed_ms, min(referrer.changed_ms for referrer in referrers))
    open_at_ms = since_ms
    if target.out_of_scope is None:
        if not context.collected or not context.synchronised:
            return None  # the cloud has not been read whole yet, or is not filled from here: absence means nothing
        open_at_ms = since_ms + context.patience_ms
    reason = target.out_of_scope or "not_in_entra"
    return Verdict(
        summary=f"{target.name} is not synchronised ({reason}) but {len(referrers)} object(s) refer to it",
        since_ms=since_ms,
        open_at_ms=open_at_ms,
        subject=target.subject(view.key),
        forest=target.forest,
        evidence={
            "reason": reason,
            "referrers": len(referrers),
            "attributes": sorted({referrer.attribute for referrer in referrers}),
        },
        counterparts=(
            target.holder("not_synchronised"),
            *(referrer.party.holder("refers", (referrer.attribute,)) for referrer in referrers[:_NAMED]),
        ),
        explained_by=() if target.out_of_scope else None,
    )
