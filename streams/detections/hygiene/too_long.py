"""An attribute value is longer than Entra ID accepts, so the object's changes no longer export.

Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2 (limits per attribute; 64
before and 48 after the @ of a UPN); "Understanding errors during Microsoft Entra synchronization", LargeObject /
ExceededAllowedLength.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import faulty, told_by, verdict_on
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="hygiene.too_long",
    views=(UserView, GroupView, ContactView),
    title="Attribute value too long",
    severity=Severity.MEDIUM,
    explained_by=("flow.export_error",),
    remediation=(
        "Shorten the value in Active Directory. While it is too long, no other change of the object is exported "
        "either. The evidence has the length, the limit and a shortened value."
    ),
    references=(
        "https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",
    ),
    known_gaps=("Lengths are counted in UTF-16 code units, as Active Directory does; Entra ID does not say.",),
    only_if=faulty,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a value in scope is over its limit."""
    return verdict_on(view, context, told_by(DETECTION.id), "is too long")
