"""One property differs for so many objects, since we first looked, that it is filled from somewhere else here.

An organisation may give a property a source or a form of its own by a synchronisation rule. Then each of its objects
differs from what the default rules would write, and none of them is a fault. An inbound rule is of one connected
system, a forest: another one, of which but few objects differ, has no such rule.

Source: Microsoft, "Microsoft Entra Connect Sync: Make a change to the default configuration" (Connected System).
"""

from __future__ import annotations

from collections import Counter

from streams.contracts.facts import ObjectKind
from streams.contracts.finding import Severity
from streams.contracts.flows import BY_PROPERTY
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.tenant_view import TenantView

FEWEST, SHARE = 20, 0.01
ALWAYS = 200
FEWEST_OF_A_FOREST, SHARE_OF_A_FOREST = 5, 0.5
"""So many objects of one property are a rule of their forest: 20 that are 1 % of it, or 200, or 5 that are half of it.
Where they are so many of all forests together, and of none, it is a rule of all.
"""

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
        f"Fewer than {FEWEST} are told one by one, unless half of their forest; in a large forest up to {ALWAYS}.",
        "A rule for one organisational unit explains the property in all of its forest.",
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires when so many objects have differed in one property since we first looked, in forests read whole."""
    by_property: dict[str, Counter[str]] = {}
    synced: dict[str, Counter[str]] = {}
    for (subject, labels), number in view.counts.items():
        if subject == "flows" and number:
            forest, which = labels
            by_property.setdefault(which, Counter())[forest] += number
        elif subject == "objects" and labels[-1] == "synced":
            forest, kind, _ = labels
            synced.setdefault(kind, Counter())[forest] += number
    found = {which: rule for which, differ in sorted(by_property.items()) if (rule := _rule(which, differ, synced))}
    if not found:
        return None
    told = ", ".join(f"{which} ({forests.total():,})" for which, forests in found.items())
    return Verdict(
        summary=f"Filled otherwise than by the default rules: {told}",
        since_ms=view.since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"properties": {which: dict(sorted(forests.items())) for which, forests in found.items()}},
        only=tuple(in_forest(which, forest) for which, forests in found.items() for forest in sorted(forests)),
    )


def in_forest(which: str, forest: str | None) -> str:
    """The word for a property of one forest's objects."""
    return f"{forest or 'none'}/{which}"


def _rule(which: str, differ: Counter[str], synced: dict[str, Counter[str]]) -> Counter[str]:
    """The forests in which a property has a rule of its own -> how many of their objects differ."""
    kinds = BY_PROPERTY[which].kinds if which in BY_PROPERTY else _KINDS
    of_all = sum((synced.get(kind, Counter()) for kind in kinds), Counter[str]())
    alone = {forest: number for forest, number in differ.items() if of_all[forest] and _many(number, of_all[forest])}
    return Counter(alone) or (differ if differ.total() >= _fewest(of_all.total()) else Counter())


def _many(number: int, of_all: int) -> bool:
    return number >= min(_fewest(of_all), max(FEWEST_OF_A_FOREST, SHARE_OF_A_FOREST * of_all))


def _fewest(of_all: int) -> float:
    return min(ALWAYS, max(FEWEST, SHARE * of_all))


_KINDS = (ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT)
