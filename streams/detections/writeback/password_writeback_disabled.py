"""Somebody switched password writeback off for the tenant.

Source: Microsoft, audit activities "Enable password writeback for directory" and "Disable password writeback for
directory", Self-service Password Management, DirectoryManagement.
"""

from __future__ import annotations

from streams.contracts.events import Event, Result
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.views.installation.tenant_view import TenantView

_OFF, _ON = "disable password writeback for directory", "enable password writeback for directory"

DETECTION = Detection(
    id="writeback.password_writeback_disabled",
    views=(TenantView,),
    title="Password writeback was switched off",
    severity=Severity.HIGH,
    remediation=(
        "Ask the person or application that the evidence names whether it was meant. If not, switch it on again in "
        "the Connect wizard (optional features) or the cloud sync settings; a switch off and on also renews the keys."
    ),
    references=("https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities",),
    alert=Alert(for_s=300),
    false_positives=("A planned change; or off and on again to renew the keys, if that takes over five minutes.",),
    known_gaps=("Ends after 30 days, when the audit row is forgotten.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the last switch was off."""
    off, on = _latest(view, _OFF), _latest(view, _ON)
    if off is None or (on is not None and on.ts_ms >= off.ts_ms):
        return None
    by = off.initiator or "somebody unnamed"
    return Verdict(
        summary=f"Password writeback was switched off at {rfc3339(off.ts_ms)} by {by}",
        since_ms=off.ts_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"activity": off.name, "at": rfc3339(off.ts_ms), "by": by},
    )


def _latest(view: TenantView, name: str) -> Event | None:
    found = [event for event in view.events if event.name == name and event.result is not Result.FAILURE]
    return found[-1] if found else None
