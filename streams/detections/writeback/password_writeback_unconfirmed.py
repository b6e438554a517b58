"""The cloud says that a password was written by an on-premises agent, and AD does not show it.

Source: Microsoft, audit activities of Self-service Password Management (OnPremisesAgent); [MS-ADA3] pwdLastSet.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.writeback._passwords import forest_of, name_of, story_of, subject_of
from streams.views.confirmation import unshown
from streams.views.directory_object import UserView
from streams.views.operations import set_ms

ANSWER_MS = 5_000
"""So long a forest takes to say how far it has been read."""

DETECTION = Detection(
    id="writeback.password_writeback_unconfirmed",
    views=(UserView,),
    title="Password is new in the cloud, and AD does not show it",
    severity=Severity.HIGH,
    remediation=(
        "Compare pwdLastSet on every domain controller. If one has the new time, replication is late: wait or force "
        "it. If none has it, the user has two passwords: let the user reset it once more and watch the Application "
        "log of the Connect server for 31001 and what follows it."
    ),
    references=("https://learn.microsoft.com/entra/identity/authentication/troubleshoot-sspr-writeback",),
    alert=Alert(for_s=0),
    false_positives=(
        "Replication between sites that takes longer than ten minutes: raise writeback_confirm_s.",
        "A backlog of the workers in which one partition of AD's changes lies minutes behind the others.",
    ),
    known_gaps=(
        "Where pwdLastSet is not readable, or no agent is told, nothing can be confirmed and nothing fires.",
        "An unlock leaves no trace in what we read of AD.",
        "While one domain of a forest does not answer, nothing is judged in all of it.",
    ),
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for a success that did not land within the patience, once AD was read so far; a late landing ends it."""
    latest = unshown(view)
    if latest is None or latest.audit is None:
        return None
    patience_ms = context.thresholds.writeback_confirm_ms
    due_ms = latest.started_ms + patience_ms
    if view.heard_ms is None:
        due_ms = max(due_ms, latest.audit.seen_ms + ANSWER_MS)
    elif view.heard_ms < due_ms:
        return None  # the forest's next word wakes us
    known_ms = set_ms(view.ad[0])
    return Verdict(
        summary=f"{latest.kind} of the password of {name_of(view)} succeeded in the cloud; AD does not show it",
        since_ms=latest.started_ms,
        open_at_ms=due_ms,
        subject=subject_of(view),
        forest=forest_of(view),
        evidence={
            **({"password_last_set": rfc3339(known_ms)} if known_ms is not None else {}),
            "patience_s": patience_ms // 1000,
            **story_of(latest),
        },
    )
