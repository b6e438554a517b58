"""An attribute differs between Active Directory and Entra ID, and nothing is on its way that would mend it.

Source: Microsoft, "Attributes synchronized by Microsoft Entra Connect": what is written, and from where.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.conflict._quarantine import HEALS_WITHIN_S
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.flow._lateness import OF_THE_VALUE, drifts_at_ms, pending, verdict
from streams.detections.gates import differs
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="flow.attribute_drift",
    views=(UserView, GroupView, ContactView),
    title="Attribute differs between AD and Entra ID",
    severity=Severity.LOW,
    remediation=(
        "Compare the object's three places in the engine: connector space of AD, metaverse, connector space of Entra. "
        "If the metaverse has AD's value, the export fails; if not, a synchronisation rule decides otherwise. A full "
        "synchronisation (Start-ADSyncSyncCycle -PolicyType Initial) mends what a delta has missed."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/reference-connect-sync-attributes-synchronized",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-object-not-syncing",
    ),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped", "engine.verified_domain_change"),
    explained_by=("flow.export_error", *OF_THE_VALUE),
    lingers_s=HEALS_WITHIN_S,
    false_positives=("A synchronisation rule of your own that fills the attribute from somewhere else.",),
    known_gaps=(
        "A UPN that Entra rewrote to the initial domain is compared by onPremisesUserPrincipalName, where it is shown.",
        "Managers are compared where Graph tells of them and both directories have them; not those of the cloud alone.",
        "A value that AD removed counts where the directory said so; one that a full reading merely lacks does not.",
    ),
    only_if=differs,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for what differed at the first reading (after two cycles), and for what has been late for six."""
    found = pending(view, context)
    if not found:
        return None
    times_ms = [drifts_at_ms(each, context) for each in found]
    standing = [each for each, at_ms in zip(found, times_ms, strict=True) if at_ms <= now_ms]
    return verdict(
        view,
        context,
        standing or found,
        "differs between AD and Entra ID",
        open_at_ms=min(times_ms),
        recheck_at_ms=min((at_ms for at_ms in times_ms if at_ms > now_ms), default=None),
    )
