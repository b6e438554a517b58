"""AD took a new password and the cloud did not: the user has two.

Source: Microsoft, "Troubleshoot self-service password reset": OnPremisesSuccessCloudFailure; MicrosoftDocs/entra-docs
issue 694: the row of a real tenant has it as the reason of a *success*.
"""

from __future__ import annotations

from streams.contracts.events import Result
from streams.contracts.finding import Severity
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.gates import told_of
from streams.detections.writeback._passwords import forest_of, name_of, story_of, subject_of
from streams.reference_data.writeback_errors import ErrorClass
from streams.views.identity.object_view import UserView
from streams.views.password.operations import SOON_MS, hash_arrived_ms, latest_password, operations_of

DETECTION = Detection(
    id="writeback.password_split_brain",
    views=(UserView,),
    title="AD has a new password, and the cloud refused it",
    severity=Severity.HIGH,
    remediation=(
        "Tell the user: the new password works in AD, the old one in the cloud. With password hash synchronisation it "
        "heals within minutes; otherwise, or if it does not, let the user reset once more."
    ),
    references=("https://learn.microsoft.com/entra/identity/authentication/troubleshoot-sspr",),
    alert=Alert(for_s=300),
    false_positives=("The user changed the password in AD by another way within five minutes of a failed reset.",),
    known_gaps=("Ends 24 hours after the operation, when its log rows are forgotten, whether healed or not.",),
    only_if=told_of,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for the latest operation; ends with a hash that arrives later, or another password."""
    latest = latest_password(operations_of(view))
    if latest is None or not latest.split:
        return None
    landed_ms = latest.landed_ms or latest.last_ms
    if landed_ms > latest.last_ms + SOON_MS or hash_arrived_ms(view) > min(landed_ms, latest.last_ms):
        return None
    # Where nobody says so, or the server only after the cloud's last row, it may be a second try that went well: its
    # own rows come minutes later.
    last_row_ms = latest.audit.ts_ms if latest.audit is not None else 0
    said = latest.error is ErrorClass.SPLIT or (latest.server is Result.SUCCESS and latest.server_ms <= last_row_ms)
    return Verdict(
        summary=f"{name_of(view)} has a new password in AD and the old one in the cloud",
        since_ms=latest.started_ms,
        open_at_ms=0 if said else landed_ms + SOON_MS,
        subject=subject_of(view),
        forest=forest_of(view),
        evidence={"class": str(latest.error), **story_of(latest)},
    )
