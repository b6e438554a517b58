"""Groups decide who is synchronised, and it is not known which: one is gone, or settings and job differ.

Sources: Microsoft, "Prerequisites for Microsoft Entra Cloud Sync", known limitations (a group that scopes a
configuration and is deleted or renamed: its members are not deleted, and the job stays healthy); "Microsoft Entra
Connect Sync: Configure filtering", group-based filtering; Microsoft Graph, groupFilter.
"""

from __future__ import annotations

from streams.contracts.distinguished_name import normal
from streams.contracts.finding import Severity
from streams.detections.detection import OF_FOREST, Context, Detection, Verdict
from streams.directory.engines import CONNECT
from streams.reference_data.product_names import ADMIN_CENTRE
from streams.views.installation.forest_view import ForestView

DETECTION = Detection(
    id="engine.scope_unknown",
    views=(ForestView,),
    title="Groups scope the synchronisation, and who is in scope is not known",
    severity=Severity.HIGH,
    remediation=(
        f"Look at what the engine really filters by: {ADMIN_CENTRE}, Cloud sync, the configuration, scoping filters; "
        "or the group that was named when Entra Connect was set up. Put the group back under its name, or name the new "
        "one there, and write the same distinguished names into scope_groups of the [[forest]], [] where another "
        "engine brings whom they leave out, and restart: the forest is then read anew by itself."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/how-to-prerequisites",
        "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/how-to-configure",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-configure-filtering",
        "https://learn.microsoft.com/graph/api/resources/synchronization-groupfilter?view=graph-rest-beta",
    ),
    tenant_wide=True,
    false_positives=("A group that the reading account may not see.",),
    known_gaps=(
        "Of Entra Connect nothing tells by which group it filters: only the settings do.",
        (
            "The groups of all domains of a forest count together: of one whose domains are scoped each in its own way "
            "it is only told that they differ from the settings."
        ),
    ),
    no_story="the lab's own settings name what its engine filters by",
)


def evaluate(view: ForestView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while a group of the settings is not in AD, or Cloud Sync's jobs of the forest name others."""
    said = context.scope_groups.get(view.name)
    named = {normal(group): group for group in said or ()}
    missing = sorted(group for dn, group in named.items() if dn not in view.scope_groups)
    missing = missing if context.forests_read else []
    jobs = context.cloud_sync_groups.get(view.name)
    of_jobs = {normal(group): group for group in jobs or ()}
    differs = bool(of_jobs) and said != () and of_jobs.keys() != named.keys()
    if jobs == () and named and CONNECT not in context.engines:
        differs = True
    if not missing and not differs:
        return None
    what = "are not in Active Directory" if missing else "are not those of Cloud Sync's job"
    if differs and not named:
        what = "are not named in the settings"
    return Verdict(
        summary=f"{view.name}: groups that decide who is synchronised {what}",
        since_ms=view.changed_ms,
        open_at_ms=0,
        subject=view.subject(),
        forest=view.name,
        only=(f"{OF_FOREST}{view.name}",),
        evidence={
            "not_in_ad": missing,
            "settings": sorted(named.values()),
            "jobs": sorted(of_jobs.values()) if jobs is not None else None,
        },
    )
