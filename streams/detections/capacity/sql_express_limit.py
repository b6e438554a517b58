"""The tenant comes near what the database that Connect brings along can hold.

Source: Microsoft, "Prerequisites for Microsoft Entra Connect": LocalDB has a limit of 10 GB, about 100,000 objects.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.tenant_view import TenantView

LIMIT = 100_000
WARN_PERCENT = 80
# Nobody gets so far with LocalDB: above it, it is a full SQL Server.
_SURELY_SQL_SERVER = 150_000

DETECTION = Detection(
    id="capacity.sql_express_limit",
    views=(TenantView,),
    title="Near the limit of Connect's own database",
    severity=Severity.MEDIUM,
    remediation=(
        "Find out which database Connect uses (Get-ADSyncGlobalSettings, or ask who installed it). LocalDB: plan the "
        "move to SQL Server, which means a new staging server with the exported configuration. SQL Server: disable "
        "this detection."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-install-prerequisites",),
    alert=None,
    false_positives=("Connect already uses a SQL Server: this is a hint, we cannot see the database.",),
    known_gaps=("Users, groups and contacts in sync are counted; the database also holds what is out of scope.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from 80,000 synchronised objects on, high from 100,000; silent above 150,000 and without Connect."""
    synced = view.counted("synced")
    if synced * 100 < LIMIT * WARN_PERCENT or synced >= _SURELY_SQL_SERVER or view.sync_enabled is False:
        return None
    if view.jobs and not view.synchronization.get("client_version"):
        return None
    return Verdict(
        summary=f"{synced:,} objects are synchronised; if Connect uses LocalDB, its limit is about {LIMIT:,}",
        since_ms=view.since_ms,
        open_at_ms=0,
        severity=Severity.HIGH if synced >= LIMIT else Severity.MEDIUM,
        subject=view.subject(),
        # Whole thousands, so that each new user is not a new revision of the finding.
        evidence={"synchronised": synced // 1000 * 1000, "limit": LIMIT, "database_known": False},
    )
