"""Cloud Sync could not write a group of the cloud into AD.

Source: Microsoft Graph, provisioningObjectSummary; Microsoft, "Provision groups to Active Directory using Microsoft
Entra Cloud Sync".
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.writeback.writeback_view import WrittenGroupView

_TOLD = ("error_code", "category", "failed_step", "job_id", "target_name")

DETECTION = Detection(
    id="writeback.group_writeback_failed",
    views=(WrittenGroupView,),
    title="Group could not be written to AD",
    severity=Severity.HIGH,
    remediation=(
        "Read the provisioning log row of this group: its error code and text name the cause, most often a missing "
        "right of the agent's account on the target unit, a name that is taken, or a member that AD refuses. Repair "
        "that and provision the group on demand."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/group-writeback-cloud-sync",
        "https://learn.microsoft.com/graph/api/resources/provisioningobjectsummary",
    ),
    known_gaps=(
        "Entra Connect writes no such log: its failures are export errors of the AD connector on the server.",
        "Ends by itself a week after the last failure that the log tells of: the job tries again more often than that.",
        "Users in the same job (a preview) would be told as groups.",
    ),
)


def evaluate(view: WrittenGroupView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the last row about the group is a failure; ends with a later success or with the group."""
    failure = view.failure
    if failure is None or view.deleted is not None:
        return None
    told = {name: failure.details[name] for name in _TOLD if failure.details.get(name)}
    code = failure.details.get("error_code")
    return Verdict(
        summary=f"{view.name} could not be written to AD" + (f": {code}" if code else ""),
        since_ms=failure.ts_ms,
        subject=view.subject(),
        evidence={
            "action": failure.name,
            "happened": rfc3339(failure.ts_ms),
            **({"reason": failure.reason} if failure.reason else {}),
            **told,
        },
        counterparts=tuple(side.party.holder("copy") for side in view.copies),
    )
