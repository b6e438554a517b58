"""An object has more certificates or addresses than Entra ID takes, so its changes no longer export.

Source: Microsoft, "LargeObject errors caused by userCertificate" (15 values each of userCertificate and
userSMIMECertificate); "Understanding errors during Microsoft Entra synchronization" (about 300 proxyAddresses).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import faulty, verdict_on
from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="hygiene.large_object",
    views=(UserView, GroupView, ContactView),
    title="Too many values on one object",
    severity=Severity.MEDIUM,
    explained_by=("flow.export_error",),
    remediation=(
        "Remove expired certificates (or addresses nobody uses) from the object in Active Directory. While it is "
        "too large, no other change of the object is exported."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-largeobjecterror-usercertificate",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",
    ),
    false_positives=("Default rules of every supported Connect leave out a userCertificate of more than 15 values.",),
    known_gaps=("The true limit is of the object's size: above about 300 addresses it depends on the rest.",),
    only_if=faulty,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while an object in scope has too many values of one attribute."""
    return verdict_on(view, context, _wanted, "has too many values")


def _wanted(_fault: Fault, breach: Breach) -> bool:
    return ErrorName.TOO_MANY_VALUES in breach.errors
