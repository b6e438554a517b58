"""A group of the cloud has members, and its copy in AD was written without any.

Source: Microsoft, "Provision groups to Active Directory using Microsoft Entra Cloud Sync": a member without an account
in AD, and a synchronised group within a cloud group, are left out without a word; where nobody is left the group is
written empty, and nothing counts as failed.
"""

from __future__ import annotations

from typing import Any

from streams.contracts.facts import WRITEBACK_ENABLED
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.writeback.writeback_view import HAS_MEMBERS, WrittenGroupView

DETECTION = Detection(
    id="writeback.group_written_empty",
    views=(WrittenGroupView,),
    title="Group was written to AD without its members",
    severity=Severity.MEDIUM,
    remediation=(
        "Compare the members on both sides. Users who exist in the cloud only cannot be members in AD; for users of AD "
        "check that they are synchronised, that onPremisesObjectIdentifier is set and that the job writes memberships; "
        "nested groups of AD belong into an AD group instead."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/group-writeback-cloud-sync",),
    suppressed_by=("engine.sync_stopped",),
    false_positives=("A group all of whose members exist in the cloud only.",),
    known_gaps=(
        "A copy that lacks some of its members is writeback.group_members_skipped.",
        "Not judged after the latest change of members on a side was a removal: it may have been the last member.",
    ),
)


def evaluate(view: WrittenGroupView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after either side last changed, while the original has members and no copy has."""
    original = view.original
    if original is None or not view.copies or view.failure is not None:
        return None
    if original.attributes.get(WRITEBACK_ENABLED) is False or original.attributes.get(HAS_MEMBERS) is not True:
        return None
    if any(copy.attributes.get(HAS_MEMBERS) is not False for copy in view.copies):
        return None
    since_ms = max(side.changed_ms for side in (original, *view.copies))
    return Verdict(
        summary=f"{view.name} has members in Entra ID and none in AD",
        since_ms=since_ms,
        open_at_ms=since_ms + context.writeback_patience_ms,
        keep_open=True,
        subject=view.subject(),
        forest=view.copies[0].party.forest,
        evidence={"copies": len(view.copies), "written_by": view.writer, **_row(view)},
        counterparts=tuple(side.party.holder("copy") for side in view.copies),
    )


def _row(view: WrittenGroupView) -> dict[str, Any]:
    """What the log of Cloud Sync last told of the group, and the reason of a step that it skipped."""
    last = view.last_event
    if last is None:
        return {}
    told = {name: last.details[name] for name in ("status", "skip_reason", "job_id") if last.details.get(name)}
    return {"last_row": rfc3339(last.ts_ms), "last_action": last.name, **told}
