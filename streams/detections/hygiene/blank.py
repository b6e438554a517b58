"""A displayName is set, and shows nothing.

Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2: if the attribute exists, it
must not be blank.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import faulty, verdict_on
from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="hygiene.blank",
    views=(UserView, GroupView, ContactView),
    title="Blank display name",
    severity=Severity.LOW,
    explained_by=("flow.export_error",),
    remediation=(
        "Give the object a display name in Active Directory, or remove the attribute. The evidence proposes the "
        "common name."
    ),
    references=("https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",),
    known_gaps=("An absent displayName is accepted by Entra ID and is no finding; IdFix reports it.",),
    only_if=faulty,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a displayName in scope has no visible character."""
    return verdict_on(view, context, _wanted, "is blank")


def _wanted(_fault: Fault, breach: Breach) -> bool:
    return ErrorName.BLANK in breach.errors
