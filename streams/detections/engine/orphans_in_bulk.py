"""So many cloud objects have no AD side in any forest we read that a forest is not read, rather than all left behind.

Source: Microsoft, "Topologies for Microsoft Entra Connect" (several forests to one tenant); "Design concepts" (a source
anchor other than objectGUID or mS-DS-ConsistencyGuid joins nothing here).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.tenant_view import TenantView

FEWEST, SHARE_PERCENT = 50, 5

DETECTION = Detection(
    id="engine.orphans_in_bulk",
    views=(TenantView,),
    title="Many cloud objects without an AD side",
    severity=Severity.MEDIUM,
    remediation=(
        "See the domains of some of them (onPremisesDomainName): add a [[forest]] for one that is synchronised and not "
        "read here, or read with a right that shows all of it. If the source anchor is another attribute, users cannot "
        "be joined. If they really were left behind, set accept_orphans in the tenant's settings to see each."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-topologies",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-design-concepts",
    ),
    tenant_wide=True,
    false_positives=(
        "Years of leavers that synchronisation never removed: they are counted here, not told one by one.",
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires once both sides were read whole, above 50 orphans that are more than 5 % of all that is synchronised."""
    if not context.collected or not context.forests_read or context.accept_orphans:
        return None
    kinds = {
        labels[-1]: number
        for (subject, labels), number in view.counts.items()
        if subject == "orphans" and (context.devices_collected or labels[-1] != "device")
    }
    orphans = sum(kinds.values())
    total = orphans + view.counted("synced")
    if orphans <= max(FEWEST, SHARE_PERCENT * total / 100):
        return None
    return Verdict(
        summary=f"{orphans:,} synchronised cloud objects have no AD side: a forest is not read, or the scope is wrong",
        since_ms=view.since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"orphans": dict(sorted(kinds.items())), "synchronised": total},
    )
