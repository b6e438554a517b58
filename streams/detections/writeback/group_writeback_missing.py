"""A group of the cloud is written back to AD, by its mark or by its log, and AD has no copy of it.

Sources: Microsoft, "Plan for Microsoft Entra Connect group writeback"; "Provision groups to Active Directory using
Microsoft Entra Cloud Sync".
"""

from __future__ import annotations

from typing import Any

from streams.contracts.facts import WRITEBACK_ENABLED
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.event_slots import GROUP_PROVISIONING
from streams.views.view import PATIENCE_CYCLES
from streams.views.writeback.writeback_view import WrittenGroupView

_FEATURES = ("unifiedGroupWritebackEnabled", "groupWriteBackEnabled")

DETECTION = Detection(
    id="writeback.group_writeback_missing",
    views=(WrittenGroupView,),
    title="Group is written back, and missing in AD",
    severity=Severity.MEDIUM,
    remediation=(
        "Look at the export of the AD connector in Synchronization Service Manager, or at the provisioning log of the "
        "Cloud Sync job, for this group: a refused nested member, a missing right on the target unit, or a group "
        "beyond the limits of writeback. If it should not be in AD, take its mark away."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-group-writeback-v2",
        "https://learn.microsoft.com/entra/identity/hybrid/group-writeback-cloud-sync",
    ),
    suppressed_by=("engine.sync_stopped",),
    false_positives=(
        "Marked in a tenant that has no writeback, where we may not read its features.",
        "More than 50,000 members (Microsoft 365 group) or 250,000 (security group): not written back by default.",
    ),
    known_gaps=(
        "A group without a mark is known to be written back by Cloud Sync only for a week after its last log row.",
        "Copies are recognised by msDS-ExternalDirectoryObjectId and adminDescription alone.",
    ),
)


def evaluate(view: WrittenGroupView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the mark, the log's success or the end of the last copy, whichever came last."""
    if view.copies or view.failure is not None:
        return None
    why = _reason(view, context)
    if why is None:
        return None
    since_ms, evidence = why
    since_ms = max([since_ms, *(side.changed_ms for side in view.gone)])
    return Verdict(
        summary=f"{view.name} is written back to AD and is not there",
        since_ms=since_ms,
        open_at_ms=since_ms + context.writeback_patience_ms,
        keep_open=True,
        subject=view.subject(),
        evidence={**evidence, "was_there": bool(view.gone), "waited_cycles": PATIENCE_CYCLES},
    )


def _reason(view: WrittenGroupView, context: Context) -> tuple[int, dict[str, Any]] | None:
    """Since when the group should be in AD, and what says so; None if nothing does."""
    original, written = view.original, view.success
    if original is not None and _switched_on(context):
        marked = original.attributes.get(WRITEBACK_ENABLED)
        if marked is True:
            return original.since_ms(WRITEBACK_ENABLED), {"said_by": "mark"}
        if marked is None and view.expected:
            return original.since_ms(WRITEBACK_ENABLED), {"said_by": "default"}
    if written is not None and view.deleted is None:
        return written.ts_ms, {"said_by": "provisioning_log", "written": rfc3339(written.ts_ms)}
    return None


def _switched_on(context: Context) -> bool:
    """Whether anything writes groups back; where we may not read the features, a mark speaks for itself."""
    known = [context.feature(name) for name in _FEATURES]
    return True in known or GROUP_PROVISIONING in context.job_kinds or known == [None, None]
