"""Users are exported, and their source anchor is not written to mS-DS-ConsistencyGuid: the right to do so lacks.

Source: Microsoft, "Microsoft Entra Connect: Accounts and permissions", permissions for ms-DS-ConsistencyGuid. Entra
Connect exports such users all the same; of the write that fails only the run of the forest's connector tells.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict, unless_catching_up
from streams.directory.engines import JOB
from streams.views.identity.anchors import ANCHOR
from streams.views.installation.tenant_view import TenantView

_FEWEST_WRITTEN = 10

DETECTION = Detection(
    id="authority.source_anchor_not_written",
    views=(TenantView,),
    title="Source anchors are not written to Active Directory",
    severity=Severity.MEDIUM,
    remediation=(
        "Give the account of the Active Directory connector (MSOL_...) read and write access to mS-DS-ConsistencyGuid "
        "of all users: Set-ADSyncMsDsConsistencyGuidPermissions, also for units that do not inherit. The next full "
        "synchronisation writes what lacks."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-configure-ad-ds-connector-account",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-design-concepts",
    ),
    false_positives=("A change of the anchor from objectGUID that a full synchronisation is still carrying through.",),
    known_gaps=(
        (
            "Where not one user has it and the anchor attribute may not be read, the forest is taken to use "
            "objectGUID; `synchealth check` says whether the account of Connect has the right at all."
        ),
        "Cloud Sync never writes the attribute: tenants that provision by it are judged by cloud_sync_ous, or not.",
    ),
    no_story="It waits for hours by the clock on the wall, which no story compresses.",
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while users are in the cloud for two hours without it, in a forest where the others have theirs."""
    if view.sync_enabled is False or (JOB in context.job_kinds and not context.engine_units):
        return None
    known = view.synchronization.get("anchor_attribute")
    if known is not None and str(known).lower() != ANCHOR.lower():
        return None
    synced = _by_forest(view, "objects", "user", "synced")
    forests = {
        forest: {"not_written": number, "synchronised": synced.get(forest, 0)}
        for forest, number in _by_forest(view, "anchors", "not_written").items()
        if known is not None or _written_elsewhere(number, synced.get(forest, 0))
    }
    if not forests:
        return None
    total = sum(each["not_written"] for each in forests.values())
    verdict = Verdict(
        summary=f"{total:,} synchronised users have no source anchor in Active Directory ({', '.join(forests)})",
        since_ms=view.since_ms,
        open_at_ms=0,
        subject=view.subject(),
        forest=next(iter(forests)) if len(forests) == 1 else None,
        evidence={"forests": forests, "attribute": ANCHOR, "anchor_attribute_known": known is not None},
    )
    return unless_catching_up(verdict, any(map(view.lags, forests)), now_ms)


def _written_elsewhere(not_written: int, synced: int) -> bool:
    """Whether most users of a forest have theirs: then it is the forest's anchor, and somebody writes it."""
    return synced - not_written >= max(_FEWEST_WRITTEN, not_written)


def _by_forest(view: TenantView, subject: str, *state: str) -> dict[str, int]:
    """Forest -> how many views count there with these labels after it; forests without any are left out."""
    return {
        labels[0]: number
        for (counted, labels), number in sorted(view.counts.items())
        if number and counted == subject and labels[1:] == state
    }
