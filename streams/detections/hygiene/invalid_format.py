"""An address or user principal name is not of the form that Entra ID accepts.

Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2: one @ that is not first, no
dot at the end of the local part, addresses that follow the messaging standards; one primary address per object.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import faulty, told_by, verdict_on
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="hygiene.invalid_format",
    views=(UserView, GroupView, ContactView),
    title="Malformed address or user principal name",
    severity=Severity.MEDIUM,
    explained_by=("flow.export_error",),
    remediation=(
        "Correct the value in Active Directory; the evidence says which part is wrong and, where one can be made, "
        "proposes a value. An object must have one primary address: the others get a prefix in small letters."
    ),
    references=(
        "https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",
    ),
    only_if=faulty,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a value in scope is malformed, or an object has two primary addresses."""
    return verdict_on(view, context, told_by(DETECTION.id), "is malformed")
