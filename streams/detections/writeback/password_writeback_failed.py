"""A password operation of a user failed on its way to AD, and nothing has succeeded since.

Source: Microsoft, "Troubleshoot self-service password reset writeback" (events 31003, 31008, 31011, 33001 to 33009,
ADSync 6329; reserved characters of organisational units); audit log of Self-service Password Management.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.gates import told_of
from streams.detections.writeback._advice import advice_of
from streams.detections.writeback._passwords import forest_of, name_of, story_of, subject_of
from streams.reference_data.writeback_errors import RESERVED_CHARACTER, ErrorClass
from streams.views.identity.object_view import UserView
from streams.views.password.errors import USERS_OWN
from streams.views.password.operations import latest_failure, offending_unit, operations_of

_DONT_EXPIRE_PASSWORD = 0x10000

DETECTION = Detection(
    id="writeback.password_writeback_failed",
    views=(UserView,),
    title="Password could not be written to AD",
    severity=Severity.HIGH,
    remediation=(
        "Do what evidence.advice says; it follows from evidence.class and evidence.detail. Policy, wrong password, "
        "locked and disabled are the user's own: help if asked. Then let the user try again."
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
        "A trace of the engine (6329) that names nobody belongs to the refusal nearest to it within five seconds.",
    ),
    only_if=told_of,
)


def evaluate(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the latest operation stands failed; low where it is the user's own mistake."""
    failure = latest_failure(operations_of(view))
    if failure is None:
        return None
    unit = offending_unit(view) if failure.detail == RESERVED_CHARACTER else None
    advice = advice_of(failure.error, failure.detail)
    told = {
        "class": str(failure.error),
        **({"detail": failure.detail} if failure.detail else {}),
        **({"unit": unit[0], "character": unit[1]} if unit is not None else {}),
        **({"password_never_expires": True} if _never_expires(view, failure.error) else {}),
        **({"advice": advice} if advice is not None else {}),
    }
    what = f"{failure.error}, {unit[0]} has {unit[1]!r}" if unit is not None else str(failure.error)
    return Verdict(
        summary=f"{failure.kind} of the password of {name_of(view)} failed: {what}",
        since_ms=failure.started_ms,
        open_at_ms=0,
        subject=subject_of(view),
        forest=forest_of(view),
        severity=Severity.LOW if failure.error in USERS_OWN else Severity.HIGH,
        evidence={**told, **story_of(failure)},
    )


def _never_expires(view: UserView, error: ErrorClass) -> bool:
    """Whether the account has the setting that ends in a policy error, too (azure-docs issue 40059)."""
    control = view.ad[0].attributes.get("userAccountControl") if len(view.ad) == 1 else None
    return error is ErrorClass.PASSWORD_POLICY and isinstance(control, int) and bool(control & _DONT_EXPIRE_PASSWORD)
