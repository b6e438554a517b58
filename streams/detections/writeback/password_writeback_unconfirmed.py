"""A password was written by the cloud's word, or a server began to write it, and AD does not show it.

Source: Microsoft, audit activities of Self-service Password Management (OnPremisesAgent); "Troubleshoot self-service
password reset writeback" (31001, 31006 and 31009 are the first event of every operation); [MS-ADA3] pwdLastSet;
MicrosoftDocs/azure-docs pull request 51035 (without the right Unexpire Password the flag "must change" stays).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.gates import told_of
from streams.detections.writeback._passwords import forest_of, name_of, story_of, subject_of
from streams.views.identity.object_view import UserView
from streams.views.password.confirmation import unshown
from streams.views.password.operations import must_change, set_ms

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
        "log of the Connect server for 31001 and what follows it. If evidence.must_change_at_next_logon is set and the "
        "new password works: give the connector account the extended right Unexpire Password. If it only began: look "
        "there by the tracking id for what came of it, and whether the log is still shipped."
    ),
    references=("https://learn.microsoft.com/entra/identity/authentication/troubleshoot-sspr-writeback",),
    alert=Alert(for_s=0),
    false_positives=(
        "Replication between sites that takes longer than ten minutes: raise writeback_confirm_s.",
        "A backlog of the workers in which one partition of AD's changes lies minutes behind the others.",
        "The end of an operation that was refused is shipped later than ten minutes after its beginning.",
    ),
    known_gaps=(
        "Where pwdLastSet is not readable, or no agent is told, nothing can be confirmed and nothing fires.",
        "A beginning names the UPN alone: of a user whose UPN nobody, or more than one, has, it is not told.",
        "An administrator's reset of a user who had to change the password before leaves no trace.",
        "An unlock leaves no trace in what we read of AD.",
        "While one domain of a forest does not answer, nothing is judged in all of it.",
    ),
    only_if=told_of,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for what did not land within the patience, once AD was read so far; a late landing, or an end, ends it."""
    latest = unshown(view)
    if latest is None:
        return None
    patience_ms = context.thresholds.writeback_confirm_ms
    due_ms = latest.started_ms + patience_ms
    if view.read_until_ms is None:
        due_ms = max(due_ms, max(event.seen_ms for event in latest.events) + ANSWER_MS)
    elif view.read_until_ms < due_ms:
        return None  # the forest's next word wakes us
    side = view.ad[0]
    known_ms = set_ms(side)
    last_set = {"password_last_set": rfc3339(known_ms)} if known_ms is not None else {}
    said = "began, and nothing tells of its end" if latest.only_began else "succeeded in the cloud"
    return Verdict(
        summary=f"{latest.kind} of the password of {name_of(view)} {said}; AD does not show it",
        since_ms=latest.started_ms,
        open_at_ms=due_ms,
        subject=subject_of(view),
        forest=forest_of(view),
        severity=Severity.MEDIUM if latest.only_began else None,
        evidence={
            **last_set,
            **({"must_change_at_next_logon": True} if must_change(side) else {}),
            "only_began": latest.only_began,
            "patience_s": patience_ms // 1000,
            **story_of(latest),
        },
    )
