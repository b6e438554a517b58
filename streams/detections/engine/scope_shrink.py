"""Many objects have left the scope of synchronisation at once: still in AD, and to be deleted in the cloud.

Source: Microsoft, "Microsoft Entra Connect Sync: Configure filtering" (what leaves the scope is deleted in Entra ID);
"Prevent accidental deletes", common causes: an organisational unit that is unticked, moved or renamed.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import OF_FOREST, Alert, Context, Detection, Verdict, unless_catching_up
from streams.detections.engine._deletions import known_scopes
from streams.views.installation.tenant_view import TenantView

SHARE_PERCENT, FEWEST = 5, 20

DETECTION = Detection(
    id="engine.scope_shrink",
    views=(TenantView,),
    title="Many objects have left the scope of synchronisation",
    severity=Severity.HIGH,
    remediation=(
        "Ask who moved or renamed an organisational unit, or changed a filter, since the last synchronisation. Move "
        "it back before the next export, or stop the scheduler; renaming a unit drops everything below it. If nobody "
        "did: compare include_ous, exclude_ous and scope_groups of the settings with the engine's own filtering."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-configure-filtering",),
    alert=Alert(for_s=60),
    tenant_wide=True,
    suppressed_by=("engine.deletion_threshold_reached",),
    false_positives=(
        "A scope in our settings that is narrower than the engine's own filtering.",
        "A renamed unit that scopes a configuration of Cloud Sync: it deletes nobody until its scope is saved anew.",
    ),
    known_gaps=("Below the share it is a matter of single objects, each with a finding of its own.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while at least 20 objects, and 5 % of all that are synchronised, are about to leave.

    It explains why each of them is still there: an engine of another scope than the settings say brings them all.
    """
    forests = known_scopes(view.counted_by_forest("leaving_scope"), context)
    leaving = sum(forests.values())
    before = leaving + view.counted("synced")
    if leaving < FEWEST or 100 * leaving < SHARE_PERCENT * before or view.sync_enabled is False:
        return None
    verdict = Verdict(
        summary=f"{leaving:,} of {before:,} synchronised objects are no longer in scope",
        since_ms=view.since_ms,
        open_at_ms=0,
        subject=view.subject(),
        only=tuple(f"{OF_FOREST}{forest}" for forest, number in sorted(forests.items()) if number),
        evidence={
            "leaving": leaving,
            "synchronised_before": before,
            "percent": 100 * leaving // before,
            "forests": forests,
        },
    )
    return unless_catching_up(verdict, view.cloud_lags, now_ms)
