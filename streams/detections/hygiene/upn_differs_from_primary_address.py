"""A user signs in with one name and writes with another address.

Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 3: it is best to align them.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import faulty, verdict_on
from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.views.identity.object_view import UserView

DETECTION = Detection(
    id="hygiene.upn_differs_from_primary_address",
    views=(UserView,),
    title="UPN differs from the primary address",
    severity=Severity.LOW,
    remediation=(
        "If that is not meant, make the UPN equal to the primary SMTP address (or the address to the UPN) in Active "
        "Directory. Nothing is broken, but people will type the wrong one."
    ),
    references=("https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",),
    false_positives=("Organisations that keep sign-in names and addresses apart on purpose: disable the detection.",),
    alert=None,
    only_if=faulty,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while UPN and primary SMTP address of a user in scope are different addresses."""
    return verdict_on(view, context, _wanted, "is not the primary address")


def _wanted(_fault: Fault, breach: Breach) -> bool:
    return ErrorName.ADDRESS_MISMATCH in breach.errors
