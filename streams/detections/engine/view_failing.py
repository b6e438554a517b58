"""Some of what we say may be old: this version of ours fails on views, and says so.

Source: Beyer et al., "Site Reliability Engineering", chapter 6: a monitoring system says when it is blind. A view at
which something raises keeps what it said, and is tried again.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.tenant_view import FAILING, TenantView

DETECTION = Detection(
    id="engine.view_failing",
    views=(TenantView,),
    title="Our own evaluation fails on some views",
    severity=Severity.HIGH,
    remediation=(
        "Read the dead letters of stage evaluate: `synchealth deadletters list` names the views and the errors. Report "
        "them with the version. Nothing needs to be repaired in the directory; the views are tried again every hour, "
        "and with every change."
    ),
    references=("https://sre.google/sre-book/monitoring-distributed-systems/",),
    false_positives=("The minutes in which a newer version takes over: views of a kind that this one does not know.",),
    known_gaps=("A tenant's own view that fails cannot say so here: synchealth_streams_failing_views does.",),
    no_story="It is about a fault of ours, which no directory can bring about.",
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while any view of the tenant stands failing; says how many of which kind."""
    failing = {labels[0]: number for (subject, labels), number in view.counts.items() if subject == FAILING}
    if not failing:
        return None
    total = sum(failing.values())
    return Verdict(
        summary=f"{total:,} view{'s' if total > 1 else ''} cannot be evaluated: their findings may be old",
        since_ms=view.since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"views": total, "kinds": failing},
    )
