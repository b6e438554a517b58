"""The Connect server is older than the version that Entra ID lets synchronise.

Source: Microsoft, "Microsoft Entra Connect: hardening updates and required version": from 30 September 2026 every
server below 2.5.79.0 stops synchronising. Graph beta, onPremisesDirectorySynchronization.synchronizationClientVersion.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import parse_rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.tenant import TenantView

REQUIRED = (2, 5, 79, 0)
REQUIRED_FROM = "2026-09-30T00:00:00Z"
_REQUIRED_FROM_MS = parse_rfc3339(REQUIRED_FROM)

DETECTION = Detection(
    id="engine.connect_version_unsupported",
    views=(TenantView,),
    title="The Connect version is too old",
    severity=Severity.HIGH,
    remediation=(
        "Upgrade the staging server first, let it run a cycle, swap the roles, then upgrade the other. Below 2.5.79.0 "
        "synchronisation stops on 30 September 2026."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/reference-connect-version-history",),
    false_positives=("A tenant that moved to Cloud Sync: the last Connect version may still be shown.",),
    known_gaps=("The version is in the beta of Microsoft Graph only; silent where that is not readable.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires below the required version; critical once the day has come."""
    told = view.synchronization.get("client_version")
    version = _version(told)
    if version is None or version >= REQUIRED or view.sync_enabled is False:
        return None
    required = ".".join(map(str, REQUIRED))
    return Verdict(
        summary=f"Microsoft Entra Connect {told} is older than {required}, which is required from 30 September 2026",
        since_ms=view.since_ms,
        open_at_ms=0,
        recheck_at_ms=_REQUIRED_FROM_MS,
        severity=Severity.CRITICAL if now_ms >= _REQUIRED_FROM_MS else Severity.HIGH,
        subject=view.subject(),
        evidence={"version": told, "required": required, "required_from": REQUIRED_FROM},
    )


def _version(text: object) -> tuple[int, ...] | None:
    parts = text.split(".") if isinstance(text, str) else []
    return tuple(map(int, parts)) if len(parts) > 1 and all(part.isdecimal() for part in parts) else None
