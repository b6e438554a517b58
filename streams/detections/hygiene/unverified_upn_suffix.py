"""A user principal name ends in a domain that the tenant has not verified: Entra ID assigns another name.

Source: Microsoft, "Microsoft Entra UserPrincipalName population": the cloud name becomes mailNickname at the initial
domain; it is calculated again when the UPN changes or a domain is verified.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.hygiene._faults import SUFFIX_EXPLAINED_BY, faulty, of_the_suffix, verdict_on
from streams.directory.addresses import domain_of
from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.views.identity.object_view import UserView

DETECTION = Detection(
    id="hygiene.unverified_upn_suffix",
    views=(UserView,),
    title="UPN suffix not verified in the tenant",
    severity=Severity.MEDIUM,
    remediation=(
        "Verify the domain in the tenant, or give the user a verified suffix. The evidence forecasts the name that "
        "Entra ID assigns, and proposes one in a verified domain."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname",
        "https://learn.microsoft.com/microsoft-365/enterprise/prepare-for-directory-synchronization",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-topologies",
    ),
    explained_by=SUFFIX_EXPLAINED_BY,
    false_positives=("Users who sign in by an alternate login ID: their UPN does not go to the cloud.",),
    known_gaps=(
        "Silent while the application may not read the tenant's domains, or those of another tenant of its forest.",
        "Whether somebody holds the proposed name already is told by `synchealth scan` alone.",
    ),
    only_if=faulty,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a user in scope has a routable suffix that is not verified, once the domains are known."""

    def wanted(fault: Fault, breach: Breach) -> bool:
        return _wanted(fault, breach) and not _is_for_another(fault.value or "", context)

    return of_the_suffix(view, verdict_on(view, context, wanted, "has a suffix that the tenant has not verified"))


def _is_for_another(name: str, context: Context) -> bool:
    """Whether the name is one for another tenant of the same forest: a domain is verified in one tenant only."""
    return context.elsewhere is None or domain_of(name) in context.elsewhere


def _wanted(fault: Fault, breach: Breach) -> bool:
    if fault.attribute != "userPrincipalName" or ErrorName.UNVERIFIED_DOMAIN not in breach.errors:
        return False
    return ErrorName.TOP_LEVEL_DOMAIN not in fault.errors  # that one is told by non_routable_upn_suffix
