"""An attribute value holds a character that Entra ID does not accept.

Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2 (invalid characters per
attribute); for userPrincipalName "Microsoft Entra UserPrincipalName population": any invalid character, and the
user gets another sign-in name.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import faulty, told_by, verdict_on
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="hygiene.invalid_character",
    views=(UserView, GroupView, ContactView),
    title="Invalid character in a synchronised attribute",
    severity=Severity.MEDIUM,
    explained_by=("flow.export_error",),
    remediation=(
        "Correct the value in Active Directory. The evidence names the character, its place and a proposal; check "
        "that nobody else has the proposed value. For userPrincipalName tell the user before the name changes."
    ),
    references=(
        "https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname",
    ),
    known_gaps=("Letters outside ASCII are accepted in names such as displayName, whatever the page says.",),
    only_if=faulty,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a value in scope has a forbidden character."""
    return verdict_on(view, context, told_by(DETECTION.id), "has a character that Entra ID does not accept")
