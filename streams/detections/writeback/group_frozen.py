"""The copy of a cloud group stays in AD as it was: its original is deleted, or no longer written back.

Source: Microsoft, "Plan for Microsoft Entra Connect group writeback": a disabled or soft-deleted group stays in AD
unchanged until it is deleted for good. Whoever reads the copy's members reads the past.
"""

from __future__ import annotations

from streams.contracts.facts import WRITEBACK_ENABLED
from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.directory.written_back import NAMES_ORIGINAL
from streams.views.writeback.writeback_view import WrittenGroupView

DETECTION = Detection(
    id="writeback.group_frozen",
    views=(WrittenGroupView,),
    title="Group in AD is a frozen copy",
    severity=Severity.LOW,
    remediation=(
        "Decide whether the group is still wanted. If so, restore it in Entra ID or mark it for writeback again. If "
        "not, find out who uses the copy (rights on shares, applications), then delete it for good in Entra ID, or the "
        "copy in AD if it stays behind."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-group-writeback-disable",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-group-writeback-v2",
    ),
    suppressed_by=("engine.sync_stopped",),
    false_positives=("A group kept on purpose until applications have moved away from its copy.",),
    known_gaps=(
        "Originals deleted before our first reading of the tenant are not known.",
        "Ends by itself 30 days after the original was deleted.",
    ),
)


def evaluate(view: WrittenGroupView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the original went away while a copy is there."""
    if not view.copies:
        return None
    copy, deleted, original = view.copies[0], view.deleted, view.original
    if deleted is not None:
        since_ms, severity = deleted.changed_ms, Severity.LOW
        why = "deleted" if deleted.attributes.get("@removed") == "deleted" else "soft_deleted"
        if why == "deleted":
            severity = Severity.MEDIUM
    elif original is not None and original.attributes.get(WRITEBACK_ENABLED) is False and view.writer == "connect":
        # Only where Connect wrote it does the mark of the group decide.
        since_ms, severity, why = original.since_ms(WRITEBACK_ENABLED), Severity.LOW, "not_written_back"
    else:
        return None
    since_ms = max(since_ms, copy.since_ms(*NAMES_ORIGINAL))
    words = {
        "deleted": "was deleted for good in Entra ID",
        "soft_deleted": "was deleted in Entra ID",
        "not_written_back": "is no longer written back",
    }
    return Verdict(
        summary=f"{view.name} {words[why]}, and its copy stays in AD",
        since_ms=since_ms,
        open_at_ms=since_ms + context.writeback_patience_ms,
        keep_open=True,
        severity=severity,
        subject=view.subject(),
        forest=copy.party.forest,
        evidence={"original": why},
        counterparts=tuple(side.party.holder("copy") for side in view.copies),
    )
