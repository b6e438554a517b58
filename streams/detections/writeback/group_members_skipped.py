"""The copy of a cloud group in AD lacks members that have an account there.

Source: Microsoft, "Provision groups to Active Directory using Microsoft Entra Cloud Sync": a member that cannot be
written is skipped, and a synchronised group within a cloud group dropped, without a word; nothing counts as failed.
"""

from __future__ import annotations

from streams.contracts.facts import WRITEBACK_ENABLED
from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.written_back import NAMES_ORIGINAL
from streams.views.membership.member_drift_view import gather_ms
from streams.views.writeback.writeback_view import HAS_MEMBERS, WrittenGroupView

_NAMED = 20

DETECTION = Detection(
    id="writeback.group_members_skipped",
    views=(WrittenGroupView,),
    title="Group was written to AD without some of its members",
    severity=Severity.MEDIUM,
    remediation=(
        "For each member that the evidence names: onPremisesObjectIdentifier of the cloud user must hold the "
        "objectGUID of the AD account, and the account must lie where the agent can reach it. A synchronised group "
        "within the cloud group is never written: put its members, or an AD group around both, in its place."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/group-writeback-cloud-sync",),
    suppressed_by=("engine.sync_stopped",),
    false_positives=("Members that somebody took out of the copy in AD: the next change brings them back.",),
    known_gaps=(
        "Microsoft 365 groups are not judged: the members of those are not kept one by one.",
        "Members in another forest than the copy cannot be written and are not told.",
        "A group without a mark is known to be written for a week after the last row that Cloud Sync's log has of it.",
    ),
)


def evaluate(view: WrittenGroupView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after member, group and copy stand; a copy without anybody is another finding."""
    original = view.original
    if original is None or not view.copies or view.failure is not None:
        return None
    if original.attributes.get(WRITEBACK_ENABLED) is False:
        return None
    if all(copy.attributes.get(HAS_MEMBERS) is False for copy in view.copies):
        return None
    forests = sorted({copy.party.forest or "" for copy in view.copies} & view.left_out.keys())
    found = [view.left_out[forest] for forest in forests]
    number = sum(each.surplus for each in found)
    if not number:
        return None
    since_ms = max([each.since_ms for each in found] + [copy.since_ms(*NAMES_ORIGINAL) for copy in view.copies])
    named = sorted((member.name, member.sid) for each in found for member in each.named)
    return Verdict(
        summary=f"{view.name} has {number} members with an account in AD who are not in its copy",
        since_ms=since_ms,
        open_at_ms=since_ms + context.writeback_patience_ms + gather_ms(context.sync_interval_ms),
        keep_open=True,
        subject=view.subject(),
        forest=forests[0] or None,
        evidence={
            "left_out": number,
            "members": [{"name": name, "sid": sid} for name, sid in named[:_NAMED]],
            "written_by": view.writer,
        },
        counterparts=tuple(side.party.holder("copy") for side in view.copies),
    )
