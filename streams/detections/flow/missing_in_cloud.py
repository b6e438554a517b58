"""An object in the scope of synchronisation has no counterpart in Entra ID after two cycles.

Source: Microsoft, "Troubleshoot an object that is not synchronizing with Microsoft Entra ID".
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.conflict._of_address import CLAIMED, deciding, findings_about
from streams.detections.conflict._quarantine import HEALS_WITHIN_S
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import not_in_cloud
from streams.directory.soft_deletion import deletion_evidence, newest_deletion
from streams.views.identity.object_view import GroupView, ObjectView, UserView
from streams.views.view import PATIENCE_CYCLES

# A refusal is certain; the others keep an object out before any export was tried.
_OF_THE_OBJECT = (
    "flow.export_error",
    "conflict.duplicate_source_anchor",
    "conflict.duplicate_sid",
    "conflict.hard_match_blocked",
    "authority.source_anchor_changed",
)

DETECTION = Detection(
    id="flow.missing_in_cloud",
    views=(UserView, GroupView),
    title="In scope, and missing in Entra ID",
    severity=Severity.HIGH,
    remediation=(
        "Where the evidence says restorable, the object is among the deleted items of Entra ID: restore it there "
        "(Deleted users, Deleted groups) before restorable_until, and do not create another one. A refusal or conflict "
        "that keeps the object out would have been told instead; look for an invalid UPN. Otherwise ask "
        "the engine: Synchronization Service Manager, Metaverse search, and the export errors of the last run. If the "
        "object is out of scope on purpose, add its organisational unit or filter to the forest's scope here."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-object-not-syncing",),
    suppressed_by=(
        "engine.long_cycle",
        "engine.sync_stopped",
        "engine.bulk_change",
        "engine.verified_domain_change",
        "engine.scope_unknown",
    ),
    explained_by=(*_OF_THE_OBJECT, *CLAIMED),
    lingers_s=HEALS_WITHIN_S,
    false_positives=(
        "A filter of the engine that include_ous, exclude_ous and scope_groups do not repeat.",
        "A disabled account that is joined with another forest's, unless [[tenant]] users_joined_by says so.",
    ),
    known_gaps=("Contacts are matched by primary address: a changed one would look missing, so they are not judged.",),
    only_if=not_in_cloud,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the AD object changed, once the cloud has been read whole; not where nothing is synced."""
    if view.entra or view.joined is False or not context.collected or not context.synchronised:
        return None
    missing = view.in_scope
    if not missing:
        return None
    side = missing[0]
    deletion = newest_deletion(deletion_evidence(other.attributes) for other in view.soft_deleted)
    where = "was deleted in Entra ID, which still keeps it" if deletion else "not in Entra ID"
    return Verdict(
        summary=f"{side.party.name} is in scope and {where}",
        since_ms=side.changed_ms,
        open_at_ms=side.changed_ms + context.patience_ms,
        keep_open=True,
        subject=side.party.subject(view.key),
        forest=side.party.forest,
        evidence={"waited_cycles": PATIENCE_CYCLES, "created": side.party.created, **deletion},
        counterparts=(
            *(other.party.holder() for other in missing),
            *(other.party.holder("deleted") for other in view.soft_deleted),
        ),
        explained_by=(*_OF_THE_OBJECT, *findings_about(view.tenant, deciding(side), CLAIMED)),
        explains_in=view.references(),
    )
