"""The service connection point names another tenant, or a domain that the tenant has not verified.

Source: Microsoft, "Troubleshoot hybrid joined devices": 0x801c003a (DSREG_DISCOVERY_TENANT_NOT_FOUND), AADSTS90002.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.forest_view import ForestView

DETECTION = Detection(
    id="hybrid_join.scp_wrong_tenant",
    views=(ForestView,),
    title="Service connection point leads elsewhere",
    severity=Severity.HIGH,
    remediation=(
        "Correct the keywords azureADId and azureADName of the service connection point, with Entra Connect "
        "(Configure device options) or by hand, and let it replicate to all domain controllers."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/troubleshoot-hybrid-join-windows-current",),
    false_positives=("A forest whose devices join another tenant than its users are synchronised to, on purpose.",),
    known_gaps=(
        "The service connection point is read only where forest.hybrid_join is set.",
        "While the application may not read the tenant's domains, azureADName is not judged.",
    ),
)


def evaluate(view: ForestView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while an SCP names a tenant id that is not ours, or a domain that is not verified in it."""
    ids = [found for found in view.tenant_ids if found != context.tenant.lower()]
    names: list[str] = []
    if context.verified_domains is not None:
        names = [found for found in view.tenant_names if found not in context.verified_domains]
    if not ids and not names:
        return None
    return Verdict(
        summary=f"Forest {view.name}: the service connection point leads to {', '.join(ids + names)}",
        since_ms=view.changed_ms,
        subject=view.subject(),
        forest=view.name,
        evidence={
            "tenant_ids": list(view.tenant_ids),
            "tenant_names": list(view.tenant_names),
            "wrong": ids + names,
            "expected": context.tenant,
            "scp_changed": view.scp_changed,
            "scp_changed_by": view.scp_changed_by,
        },
    )
