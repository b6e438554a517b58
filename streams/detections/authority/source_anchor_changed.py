"""A synchronised user got another source anchor in Active Directory: the engine refuses every further change of it.

The two sides no longer meet under one anchor, but they still share the SID.
Source: Microsoft, "Microsoft Entra Connect: Design concepts", sourceAnchor (it cannot change once exported; the
mS-DS-ConsistencyGuid of a user is written by the engine alone).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.identity import guid_of_immutable_id, immutable_id_of_guid
from streams.detections.conflict.duplicate_sid import given_twice
from streams.detections.detection import Context, Detection, Verdict
from streams.views.membership.reference_view import ReferenceView

DETECTION = Detection(
    id="authority.source_anchor_changed",
    views=(ReferenceView,),
    title="Source anchor changed after export",
    severity=Severity.HIGH,
    remediation=(
        "Set mS-DS-ConsistencyGuid back to the anchor that Entra ID knows (anchor_in_cloud), then run a cycle. "
        "If the change was meant, the cloud user has to be matched anew by clearing and setting its immutableId."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-design-concepts",),
    explained_by=("conflict.duplicate_source_anchor",),
    false_positives=("A migration between forests that rewrites anchors on purpose, while it goes on.",),
    known_gaps=("Anchors that are no GUIDs come from attributes that we do not read, and are not judged.",),
)


def evaluate(view: ReferenceView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while user and cloud user of one SID carry different anchors, after half a cycle."""
    ours = [party for party in view.ad if party.in_scope and party.kind == "user" and party.source_anchor]
    theirs = [party for party in view.entra if party.kind == "user" and party.source_anchor]
    theirs = [party for party in theirs if not any(given_twice(each, party) for each in ours)]
    if len(ours) != 1 or not theirs or any(party.source_anchor == ours[0].source_anchor for party in theirs):
        return None
    party, cloud = ours[0], theirs[0]
    # The cloud may follow: whoever moves an account on purpose sets its immutableId within minutes.
    patience_ms = context.cycle_ms // 2
    exported = cloud.source_anchor or ""
    if guid_of_immutable_id(exported) is None:
        return None
    return Verdict(
        summary=f"The source anchor of {party.name} is no longer the one that was exported",
        since_ms=view.ad_changed_ms,
        open_at_ms=view.ad_changed_ms + patience_ms,
        keep_open=True,
        subject=party.subject(view.key),
        forest=party.forest,
        evidence={
            "anchor_in_ad": party.source_anchor,
            "anchor_in_cloud": exported,
            "exported_anchor_was": "objectGUID" if exported == immutable_id_of_guid(party.id) else "another GUID",
        },
        counterparts=(
            party.holder("changed", ("mS-DS-ConsistencyGuid",)),
            *(other.holder("keeps", ("onPremisesImmutableId",)) for other in theirs),
        ),
        explains_in=tuple(sorted({each.view for each in (party, *theirs) if each.view})),
    )
