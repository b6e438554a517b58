"""The Connect server runs a version that must not stay: unsupported, taken back, or with a published vulnerability.

The versions and days are data with their sources: streams/reference_data/connect_versions.toml. Graph beta,
onPremisesDirectorySynchronization.synchronizationClientVersion.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.reference_data.connect_versions import TABLE, VersionFault, VersionStatus, newest, standing_of
from streams.views.installation.tenant_view import TenantView

DETECTION = Detection(
    id="engine.connect_version_unsupported",
    views=(TenantView,),
    title="The Connect version is unsupported, withdrawn or vulnerable",
    severity=Severity.HIGH,
    remediation=(
        "Upgrade the staging server first, let it run a cycle, swap the roles, then upgrade the other. The evidence "
        "says what is wrong with this version, from when, and which release is known to be without it."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/reference-connect-version-history",),
    false_positives=("A tenant that moved to Cloud Sync: the last Connect version may still be shown.",),
    known_gaps=(
        "The version is in the beta of Microsoft Graph only; silent where that is not readable.",
        "Releases and days are as of evidence.table_as_of; newer ones are not known.",
        "Whether a server signs in with an application or still with an account is told nowhere.",
    ),
)

_SEVERITY = {
    VersionFault.UNSUPPORTED: Severity.HIGH,
    VersionFault.WITHDRAWN: Severity.MEDIUM,
    VersionFault.VULNERABLE: Severity.HIGH,
}
_GRAVITY = [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM]


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for what the table says against a version; critical once Entra ID does not let it synchronise."""
    told = view.synchronization.get("client_version")
    standing = standing_of(told, now_ms)
    if standing is None or not standing.faults or view.sync_enabled is False:
        return None
    severities = [_SEVERITY[fault] for fault in standing.faults] + [Severity.CRITICAL] * standing.blocked
    required, reported, fixed = standing.required, standing.reported, standing.fixed_in
    evidence = {
        "version": told,
        "status": str(standing.faults[0]),
        "statuses": [str(fault) for fault in standing.faults],
        "required": required[0] if required else None,
        "required_from": required[1].isoformat() if required else None,
        "support_ends": standing.ended.isoformat() if standing.ended else None,
        "vulnerability": fixed[1] if fixed else None,
        "fixed_in": fixed[0] if fixed else None,
        "reported_not_confirmed": f"{reported[0]} required from {reported[1].isoformat()}" if reported else None,
        "newest_known": newest(),
        "table_as_of": TABLE.as_of.isoformat(),
    }
    return Verdict(
        summary=f"Microsoft Entra Connect {told} {'; '.join(_words(standing))}",
        since_ms=view.since_ms,
        open_at_ms=0,
        recheck_at_ms=standing.next_ms,
        severity=min(severities, key=_GRAVITY.index),
        subject=view.subject(),
        evidence={name: value for name, value in evidence.items() if value is not None},
    )


def _words(standing: VersionStatus) -> list[str]:
    """What is wrong, the gravest first."""
    said = []
    if standing.required:
        version, day = standing.required
        said.append(f"is older than {version}, which is required from {day.isoformat()}")
    elif VersionFault.UNSUPPORTED in standing.faults and standing.ended:
        said.append(f"is out of support since {standing.ended.isoformat()}")
    if VersionFault.WITHDRAWN in standing.faults:
        said.append("was withdrawn by Microsoft")
    if standing.fixed_in:
        version, name = standing.fixed_in
        said.append(f"is vulnerable ({name}, fixed in {version})")
    return said
