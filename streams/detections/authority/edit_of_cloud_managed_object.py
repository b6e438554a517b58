"""Somebody edits an object in Active Directory whose source of authority is the cloud: the change is lost.

Source: Microsoft, "Configure user source of authority", "Configure group source of authority": later edits in Active
Directory do not flow; the conversion is audited as "Change Source of Authority from AD to cloud", the way back as "Undo
changes to Source of Authority from AD DS to cloud". The engine logs ADSync 6956 for each refused object, but nobody has
published its text, so whom it is about cannot be read.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339, time_in
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import told_of
from streams.directory.authority import GIVEN_BACK, latest_move
from streams.views.identity.expected_export import SOURCES
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView
from streams.views.sides import Side

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
        "A conversion is remembered for thirty days: an object that is edited for the first time later is not told.",
    ),
    only_if=told_of,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for an edit after the remembered conversion, until synchronisation writes the object again."""
    ours = [side for side in view.ad if side.party.exported_but_for_authority]
    if len(ours) != 1:
        return None
    converted = latest_move(view.events)
    if converted is None or converted.name.startswith(GIVEN_BACK):
        return None
    lost = _edited(ours[0], converted.ts_ms)
    if not lost:
        return None
    since_ms = min(ours[0].changed[name] for name in lost)
    if any(time_in(side.attributes, "onPremisesLastSyncDateTime", 0) > since_ms for side in view.entra):
        return None  # written by synchronisation again
    said = {"attributes": lost, "converted": rfc3339(converted.ts_ms), "converted_by": converted.initiator}
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


def _edited(side: Side, after_ms: int) -> list[str]:
    """The attributes that synchronisation would have carried, and AD changed after this moment."""
    return sorted(name for name, at_ms in side.changed.items() if name in _FLOWING and at_ms > after_ms)
