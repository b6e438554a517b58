"""A group comes near the number of members above which synchronisation refuses it.

Source: Microsoft, "Microsoft Entra Connect Sync V2 endpoint API" (250,000 members) and "Prerequisites for Microsoft
Entra Cloud Sync" (50,000 members).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.engines import CONNECT, JOB, engine_said
from streams.views.identity.object_view import GroupView

CONNECT_LIMIT, CLOUD_SYNC_LIMIT = 250_000, 50_000
WARN_PERCENT = 80

DETECTION = Detection(
    id="capacity.group_too_large",
    views=(GroupView,),
    title="A group has nearly too many members to be synchronised",
    severity=Severity.MEDIUM,
    remediation=(
        "Split the group, nest it, or replace it by a dynamic group in Entra ID. Above the limit the group is not "
        "synchronised any more, and everybody who is added to or removed from it stays as they were in the cloud."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-endpoint-api-v2",
        "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/how-to-prerequisites",
    ),
    false_positives=("A tenant whose Cloud Sync jobs do not have this group in scope: Connect takes more.",),
    known_gaps=(
        "Members that were deleted count until the group is read whole again.",
        "Without the right to read synchronization jobs the limit of Connect is assumed.",
    ),
)


def evaluate(view: GroupView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from 80 % of the limit on, high from the limit on; the limit is that of Cloud Sync where it is in use."""
    groups = [side for side in view.in_scope if side.members is not None]
    if not groups:
        return None
    side = max(groups, key=lambda each: each.members or 0)
    cloud_sync = any(kind.startswith(JOB) for kind in context.job_kinds) and side.party.engine != CONNECT
    engine = engine_said(context.engines, of_the_object=side.party.engine)
    members, limit = side.members or 0, CLOUD_SYNC_LIMIT if cloud_sync else CONNECT_LIMIT
    if members * 100 < limit * WARN_PERCENT:
        return None
    return Verdict(
        summary=f"{side.party.name} has {members:,} members or more; the limit is {limit:,}",
        since_ms=side.changed_ms,
        open_at_ms=0,
        severity=Severity.HIGH if members >= limit else Severity.MEDIUM,
        subject=side.party.subject(view.key),
        forest=side.party.forest,
        evidence={"members": members, "limit": limit, **engine},
    )
