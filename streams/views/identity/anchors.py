"""Whether the engine has written a user's source anchor to Active Directory, as it does around the first export.

Where the anchor is mS-DS-ConsistencyGuid, Entra Connect copies the objectGUID of a user that has none into it. An
account without the right to write it exports the user all the same, and nothing fails: the anchor is then held by an
attribute that no migration carries along.

Source: Microsoft, "Microsoft Entra Connect: Design concepts", using ms-DS-ConsistencyGuid as sourceAnchor.
"""

from __future__ import annotations

from streams.contracts.identity import immutable_id_of_guid
from streams.directory.engines import CLOUD_SYNC
from streams.views.identity.object_view import ObjectView

ANCHOR = "mS-DS-ConsistencyGuid"
WRITTEN_WITHIN_MS = 2 * 3_600_000
"""Export to AD follows export to Entra ID in one run; then it replicates. A fixed time: counts know no cycles."""


def unwritten_since_ms(view: ObjectView) -> int | None:
    """Since when the user is in the cloud under its objectGUID, with no anchor in AD (ms); None where neither holds."""
    if not view.ad or not view.entra:
        return None
    ours = [side for side in view.in_scope if side.party.engine != CLOUD_SYNC]
    theirs = [side for side in view.entra if side.party.synced is True]
    if len(ours) != 1 or not theirs or ours[0].attributes.get(ANCHOR):
        return None
    anchor = immutable_id_of_guid(ours[0].party.id)
    if all(side.attributes.get("onPremisesImmutableId") != anchor for side in theirs):
        return None
    return max(ours[0].changed.get(ANCHOR, 0), *(side.first_ms or side.changed_ms for side in theirs))
