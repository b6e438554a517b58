"""A password operation of a user failed on its way to AD, and nothing has succeeded since.

Source: Microsoft, "Troubleshoot self-service password reset writeback" (events 31003, 31008, 31011, 33001 to 33009,
ADSync 6329); audit log of Self-service Password Management.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.writeback._passwords import forest_of, name_of, story_of, subject_of
from streams.views.directory_object import UserView
from streams.views.operations import latest_failure, operations_of
from streams.views.writeback_errors import USERS_OWN

DETECTION = Detection(
    id="writeback.password_writeback_failed",
    views=(UserView,),
    title="Password could not be written to AD",
    severity=Severity.HIGH,
    remediation=(
        "Act by evidence.class: permission: give the connector account its rights, or look for adminCount = 1; "
        "connectivity: the service on the Connect server; configuration: the ADSync events; user_not_found and "
        "several_matches: the user's anchor. Policy, wrong password, locked and disabled are the user's own: help "
        "if asked. Then let the user try again."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/authentication/troubleshoot-sspr-writeback",
        "https://learn.microsoft.com/entra/identity/authentication/troubleshoot-sspr",
    ),
    alert=Alert(for_s=0, counted=(Severity.LOW,)),
    false_positives=("A user who gave up after an own mistake: low, alerts only in a wave, ends after a day.",),
    known_gaps=(
        "Ends 24 hours after the operation, when its log rows are forgotten.",
        "Without the Connect server's log the class comes from the audit's reason alone, and is often other.",
    ),
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the latest operation stands failed; low where it is the user's own mistake."""
    failure = latest_failure(operations_of(view))
    if failure is None:
        return None
    told = {"class": str(failure.error), **({"detail": failure.detail} if failure.detail else {})}
    return Verdict(
        summary=f"{failure.kind} of the password of {name_of(view)} failed: {failure.error}",
        since_ms=failure.started_ms,
        open_at_ms=0,
        subject=subject_of(view),
        forest=forest_of(view),
        severity=Severity.LOW if failure.error in USERS_OWN else Severity.HIGH,
        evidence={**told, **story_of(failure)},
    )
