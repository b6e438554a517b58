"""Somebody edits an object in Active Directory whose source of authority is the cloud: the change is lost.

Source: Microsoft, "Configure user source of authority", "Configure group source of authority": later edits in Active
Directory do not flow; the engine logs ADSync event 6956; the conversion is audited as "Change Source of Authority".
"""

from __future__ import annotations

from collections.abc import Callable

from streams.contracts.events import Event, Result
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.directory_object import ContactView, GroupView, ObjectView, Side, UserView
from streams.views.drift import SOURCES
from streams.views.view import time_in

_CONVERSION = "change source of authority"
_REFUSED = "adsync/6956"
_FLOWING = frozenset(name for names in SOURCES.values() for name in names)

DETECTION = Detection(
    id="authority.edit_of_cloud_managed_object",
    views=(UserView, GroupView, ContactView),
    title="Edited in AD, managed in the cloud",
    severity=Severity.LOW,
    remediation=(
        "Make the change in Entra ID, where this object is managed since its conversion, and undo it in Active "
        "Directory. If Active Directory is meant to have the say again, convert the source of authority back."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/user-source-of-authority-overview",
        "https://learn.microsoft.com/entra/identity/hybrid/how-to-group-source-of-authority-configure",
    ),
    false_positives=("Attributes that only Active Directory itself uses, edited on purpose.",),
    known_gaps=(
        "Conversion and event 6956 are remembered for seven days: later edits are seen when the engine logs them.",
        "Event 6956 names an anchor, which only users are found by.",
    ),
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the engine's refusal is remembered, or for an edit after the remembered conversion."""
    ours = [side for side in view.ad if side.party.in_scope]
    if len(ours) != 1:
        return None
    refused = _latest(view, lambda event: event.name == _REFUSED)
    converted = _latest(view, lambda event: event.name.startswith(_CONVERSION) and event.result is not Result.FAILURE)
    to_cloud = converted is None or converted.name.endswith("to cloud")
    if not to_cloud and (refused is None or refused.ts_ms < (converted.ts_ms if converted else 0)):
        return None
    lost = _edited(ours[0], converted.ts_ms) if converted is not None and to_cloud else []
    if refused is None and not lost:
        return None
    since_ms = refused.ts_ms if refused is not None else min(ours[0].changed[name] for name in lost)
    if any(time_in(side.attributes, "onPremisesLastSyncDateTime", 0) > since_ms for side in view.entra):
        return None  # written by synchronisation again
    said = {
        "attributes": lost or None,
        "refused_by": refused.server if refused is not None else None,
        "converted": rfc3339(converted.ts_ms) if converted is not None else None,
        "converted_by": converted.initiator if converted is not None else None,
    }
    return Verdict(
        summary=f"{ours[0].party.name} was edited in Active Directory and is managed in the cloud",
        since_ms=since_ms,
        open_at_ms=0,
        subject=ours[0].party.subject(view.key),
        forest=ours[0].party.forest,
        evidence={name: value for name, value in said.items() if value is not None},
        counterparts=(
            ours[0].party.holder("edited", lost),
            *(side.party.holder("cloud_managed") for side in view.entra),
        ),
    )


def _latest(view: ObjectView, wanted: Callable[[Event], bool]) -> Event | None:
    return next((event for event in reversed(view.events) if wanted(event)), None)


def _edited(side: Side, after_ms: int) -> list[str]:
    """The attributes that synchronisation would have carried, and AD changed after this moment."""
    return sorted(name for name, at_ms in side.changed.items() if name in _FLOWING and at_ms > after_ms)
