"""Another Connect server has taken over the exports: good to know when it was meant, and more so when it was not.

Source: Microsoft, "Microsoft Entra Connect: Staging server and disaster recovery".
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.engine._turns import turns
from streams.views.installation.tenant_view import TenantView

DETECTION = Detection(
    id="engine.staging_takeover",
    views=(TenantView,),
    title="Another Connect server has taken over",
    severity=Severity.LOW,
    remediation=(
        "If it was planned, nothing; verify that the former server is in staging mode or off. If not, find out who "
        "took the new one out of staging mode, and compare its configuration before more is exported."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-staging-server",),
    alert=None,
    false_positives=("A planned change of the active server.",),
    known_gaps=("Told from four hours of audits: it clears by itself when the former server's writes are that old.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while exactly one change of the writing server is remembered."""
    taken = turns(view.exports)
    if len(taken) != 2:
        return None
    (_, before), (since_ms, after) = taken
    return Verdict(
        summary=f"{after} has taken over the exports from {before}",
        since_ms=since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"from": before, "to": after, "first_written": rfc3339(since_ms)},
    )
