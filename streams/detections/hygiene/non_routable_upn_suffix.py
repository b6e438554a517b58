"""A user principal name ends in a domain that cannot exist on the Internet, such as contoso.local.

Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2 and 4: routable domains must
be used; "Microsoft Entra UserPrincipalName population" for the name that the user gets instead.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import SUFFIX_EXPLAINED_BY, faulty, of_the_suffix, verdict_on
from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.views.identity.object_view import UserView

DETECTION = Detection(
    id="hygiene.non_routable_upn_suffix",
    views=(UserView,),
    title="Non-routable UPN suffix",
    severity=Severity.MEDIUM,
    remediation=(
        "Add a routable suffix to the forest and give it to the user; the evidence proposes the new name and "
        "forecasts the one that Entra ID assigns otherwise. Tell the user before the sign-in name changes."
    ),
    references=(
        "https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",
        "https://learn.microsoft.com/microsoft-365/enterprise/prepare-a-non-routable-domain-for-directory-synchronization",
    ),
    explained_by=SUFFIX_EXPLAINED_BY,
    false_positives=("Users who sign in by an alternate login ID: their UPN does not go to the cloud.",),
    known_gaps=(
        "A top-level domain that is younger than the installed list counts as unknown.",
        "Whether somebody holds the proposed name already is told by `synchealth scan` alone.",
    ),
    only_if=faulty,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a user in scope has a suffix whose top-level domain does not exist."""
    return of_the_suffix(view, verdict_on(view, context, _wanted, "has a suffix that is not routable"))


def _wanted(fault: Fault, breach: Breach) -> bool:
    return fault.attribute == "userPrincipalName" and ErrorName.TOP_LEVEL_DOMAIN in breach.errors
