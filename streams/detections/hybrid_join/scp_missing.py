"""The forest has no service connection point, so its computers do not find their tenant.

Source: Microsoft, "Configure Microsoft Entra hybrid join manually" and "Troubleshoot hybrid joined devices", error
0x801c001d (DSREG_AUTOJOIN_ADCONFIG_READ_FAILED).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.forest_view import ForestView

DETECTION = Detection(
    id="hybrid_join.scp_missing",
    views=(ForestView,),
    title="No service connection point in the forest",
    severity=Severity.HIGH,
    remediation=(
        "Run Entra Connect, Configure device options, Configure hybrid join for this forest, as an enterprise "
        "administrator. For a targeted rollout by client registry settings set forest.hybrid_join to false."
    ),
    references=("https://learn.microsoft.com/entra/identity/devices/how-to-hybrid-join",),
    false_positives=("A targeted rollout that sets TenantId and TenantName on the clients.",),
    known_gaps=(
        "Judged only where forest.hybrid_join is set.",
        "A service connection point that our account may not read looks like none.",
    ),
)


def evaluate(view: ForestView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a forest that is set up for hybrid join has no SCP, or one without any tenant."""
    if not view.expected or not view.read or view.tenant_ids or view.tenant_names:
        return None
    state = "no service connection point" if view.keywords is None else "a service connection point without a tenant"
    return Verdict(
        summary=f"Forest {view.name} has {state}: no computer can start to join",
        since_ms=view.changed_ms,
        subject=view.subject(),
        forest=view.name,
        evidence={
            "keywords": list(view.keywords) if view.keywords is not None else None,
            "expected": view.tenant,
            "scp_changed": view.scp_changed,
            "scp_changed_by": view.scp_changed_by,
        },
    )
