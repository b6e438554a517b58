"""Two AD users carry one source anchor: Entra Connect can export only one of them.

Source: Microsoft, "Microsoft Entra Connect: Design concepts" (sourceAnchor must be unique and must not change);
mS-DS-ConsistencyGuid is usually copied along when an account is copied or migrated.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.directory_object import UserView

DETECTION = Detection(
    id="conflict.duplicate_source_anchor",
    views=(UserView,),
    title="Duplicate source anchor",
    severity=Severity.CRITICAL,
    remediation=(
        "Find out which account owns the anchor: the one whose Entra object was matched first, usually the one "
        "whose objectGUID equals its mS-DS-ConsistencyGuid. Clear mS-DS-ConsistencyGuid on the copy before the "
        "next synchronisation; never on the account that is already synchronised."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-design-concepts",),
    false_positives=("An account in the middle of a migration between forests, with the old one still in scope.",),
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while two users in scope stand under one anchor."""
    users = [side for side in view.ad if side.party.in_scope]
    if len(users) < 2:
        return None
    names = ", ".join(side.party.name for side in users)
    first = users[0].party
    return Verdict(
        summary=f"{len(users)} users carry the source anchor {first.source_anchor}: {names}",
        since_ms=sorted(side.changed_ms for side in users)[1],
        subject=first.subject(view.key),
        forest=first.forest,
        evidence={
            "source_anchor": first.source_anchor,
            "users": len(users),
            "forests": sorted({side.party.forest or "" for side in users}),
        },
        counterparts=tuple(
            side.party.holder("carries_anchor", ("mS-DS-ConsistencyGuid",) if side.party.in_scope else ())
            if side.party.side == "ad"
            else side.party.holder("matched", ("onPremisesImmutableId",))
            for side in (*view.ad, *view.entra)
        ),
    )
