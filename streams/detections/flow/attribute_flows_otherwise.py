"""One property differs for so many objects, since we first looked, that it is filled from somewhere else here.

An organisation may give a property a source or a form of its own by a synchronisation rule. Then each of its objects
differs from what the default rules would write, and none of them is a fault.

Source: Microsoft, "Microsoft Entra Connect Sync: Make a change to the default configuration".
"""

from __future__ import annotations

from collections import Counter

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.tenant import TenantView

FEWEST = 20

DETECTION = Detection(
    id="flow.attribute_flows_otherwise",
    views=(TenantView,),
    title="Attribute flows otherwise here",
    severity=Severity.LOW,
    remediation=(
        "If a synchronisation rule of yours fills the property from elsewhere, say so in the settings: [[tenant.flow]] "
        'with property and attribute ("" where it is not to be compared). If none does, the objects drift: run a '
        "full synchronisation (Start-ADSyncSyncCycle -PolicyType Initial) and see whether the number falls."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-change-the-configuration",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/reference-connect-sync-attributes-synchronized",
    ),
    alert=None,
    tenant_wide=True,
    false_positives=("A change in bulk that was on its way when we first looked: it ends with the next cycles.",),
    known_gaps=(
        "While it is open, no single object is told for the property: one that really drifts is counted here.",
        f"Fewer than {FEWEST} objects of one property are told one by one.",
    ),
    no_story="It needs dozens of objects that differ: tests/unit/streams/engine/test_flows_otherwise.py.",
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from 20 objects on of which one property has differed since we first looked, in forests read whole."""
    by_property: dict[str, Counter[str]] = {}
    for name, number in view.counts.items():
        subject, _, labels = name.partition("/")
        if subject == "flows" and number:
            forest, _, which = labels.rpartition("/")
            by_property.setdefault(which, Counter())[forest] += number
    found = {which: forests for which, forests in sorted(by_property.items()) if forests.total() >= FEWEST}
    if not found:
        return None
    told = ", ".join(f"{which} ({forests.total():,})" for which, forests in found.items())
    return Verdict(
        summary=f"Filled otherwise than by the default rules: {told}",
        since_ms=view.since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"properties": {which: dict(sorted(forests.items())) for which, forests in found.items()}},
        only=tuple(found),
    )
