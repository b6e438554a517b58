"""An object was exported after an attribute changed, and the cloud shows the rest of it but not that attribute.

Entra records no provisioning error for it, the engine believes that all is exported, and does not try again.
Sources: Microsoft, "How the proxyAddresses attribute is populated in Microsoft Entra ID" (values that are left out);
Microsoft Graph, user.onPremisesLastSyncDateTime (when the object was last written by synchronisation).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.conflict._quarantine import HEALS_WITHIN_S
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.flow._lateness import OF_THE_VALUE, dropped, verdict
from streams.detections.gates import differs
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView

DETECTION = Detection(
    id="flow.silent_drop",
    views=(UserView, GroupView, ContactView),
    title="Exported, but one attribute did not arrive",
    severity=Severity.MEDIUM,
    remediation=(
        "Nobody will try again: the engine takes the value for exported. Change it in Active Directory and change it "
        "back, or run a full synchronisation, and see whether a synchronisation rule of your own overrides it. What "
        "Entra ID leaves out for its form, as accents and blanks in addresses, is a hygiene finding."
    ),
    references=(
        "https://learn.microsoft.com/troubleshoot/entra/entra-id/user-prov-sync/proxyaddresses-attribute-populate",
        "https://learn.microsoft.com/graph/api/resources/user",
    ),
    suppressed_by=("engine.long_cycle", "engine.sync_stopped", "engine.verified_domain_change"),
    explained_by=OF_THE_VALUE,
    lingers_s=HEALS_WITHIN_S,
    false_positives=(
        "A synchronisation rule of your own that fills the attribute from somewhere else.",
        "An export of the same minute as the change that did not yet know it, and no cycle since.",
    ),
    known_gaps=("Needs onPremisesLastSyncDateTime of the object; values in quarantine are conflict findings.",),
    only_if=differs,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the change, if an export since then did not bring it."""
    found = dropped(view, context)
    if not found:
        return None
    times_ms = [each.since_ms + context.patience_ms for each in found]
    standing = [each for each, at_ms in zip(found, times_ms, strict=True) if at_ms <= now_ms]
    return verdict(
        view,
        context,
        standing or found,
        "was exported without",
        open_at_ms=min(times_ms),
        recheck_at_ms=min((at_ms for at_ms in times_ms if at_ms > now_ms), default=None),
    )
