"""So much waits to be written that the tenant's rate limit decides when it is done.

Source: Microsoft, "Factors influencing the performance of Microsoft Entra Connect": Entra ID takes 7,000 writes in
five minutes (84,000 in an hour) from all who write, scripts and dynamic groups included.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict, unless_catching_up
from streams.views.installation.tenant_view import TenantView

BURST, PER_HOUR = 7_000, 84_000
_WAITING = ("missing", "late", "leaving_deleted", "leaving_scope")

DETECTION = Detection(
    id="capacity.write_rate_limit",
    views=(TenantView,),
    title="More changes wait than Entra ID takes at once",
    severity=Severity.MEDIUM,
    remediation=(
        "Tell those who wait how long it will take. Pause scripts and large changes of dynamic groups meanwhile: they "
        "share the limit, which cannot be raised. Split planned changes into portions below 7,000 objects."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-performance-factors",),
    false_positives=("A scope in our settings that is wider than the engine's: nothing of it waits for a write.",),
    known_gaps=("Only objects that come or go are counted; one object may need several writes.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires above 7,000 waiting objects, high above an hour's worth, once the cloud has been read whole."""
    if not context.collected or not context.synchronised:
        return None
    waiting = view.counted(*_WAITING)
    if waiting <= BURST:
        return None
    minutes = -(-waiting * 60 // PER_HOUR)
    verdict = Verdict(
        summary=f"{waiting:,} objects wait for the cloud: about {minutes} minutes at the rate that Entra ID takes",
        since_ms=view.since_ms,
        open_at_ms=0,
        severity=Severity.HIGH if waiting > PER_HOUR else Severity.MEDIUM,
        subject=view.subject(),
        evidence={"waiting": waiting, "minutes_at_full_rate": minutes, "per_hour": PER_HOUR},
    )
    return unless_catching_up(verdict, view.cloud_lags, now_ms)
