"""An object that Entra ID refused at an export (ADSync 6941): who holds the value, and has a later export let it pass?

Every export tells anew of each object that it refuses. So a refusal stands until its cloud object was written later
(onPremisesLastSyncDateTime), or until a cycle of that server that began later has exported and not told of it: the
object's view asks the server's when the last such cycle began, and the view of the value who holds it
(streams.views.questions).

Source: Microsoft, "Troubleshoot errors during synchronization"; KB2647098 (the attributes as they are spelled there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.contracts.events import Event, Result
from streams.contracts.times import time_in
from streams.directory.event_slots import EXPORT_ERROR
from streams.reference_data.export_attributes import IN_AD
from streams.views.identity.proposals import view_of_value
from streams.views.questions import ask_export, ask_holders
from streams.views.view import Derived

if TYPE_CHECKING:
    from streams.views.identity.object_view import ObjectView  # which asks by us

_MOST_VALUES = 20


def refusal_of(view: ObjectView) -> Event | None:
    """The newest refusal, unless the cloud object was written after it. One of a gone object, too."""
    failures = [event for event in view.events if event.name == EXPORT_ERROR and event.result is Result.FAILURE]
    if not failures or not (view.ad or view.entra or view.gone):
        return None
    written_ms = max((time_in(side.attributes, "onPremisesLastSyncDateTime", 0) for side in view.entra), default=0)
    return failures[-1] if failures[-1].ts_ms > written_ms else None


def standing_refusal(view: ObjectView) -> Event | None:
    """The refusal, unless a later export of its server has told of it no more."""
    refusal = refusal_of(view)
    return refusal if refusal is not None and view.exported_ms <= refusal.ts_ms else None


def attribute_of(refusal: Event) -> str | None:
    """The refused attribute as Active Directory spells it; None where the event names none."""
    return as_in_ad(refusal.details.get("attribute"))


def as_in_ad(attribute: object) -> str | None:
    """An attribute of the service's as Active Directory spells it; None for what is no name."""
    return IN_AD.get(attribute.lower(), attribute) if isinstance(attribute, str) else None


def value_views(refusal: Event) -> tuple[str, ...]:
    """The keys of the views that know who holds the refused values, in the order of the event."""
    values = [(refusal.details.get("attribute"), refusal.details.get("value"))]
    more = refusal.details.get("more_values")
    parted = (str(each).partition(" ") for each in (more if isinstance(more, list) else [])[:_MOST_VALUES])
    values += [(name, value) for name, _, value in parted]
    keys = [_value_view(refusal.tenant, name, value) for name, value in values]
    return tuple(dict.fromkeys(key for key in keys if key is not None))


def _value_view(tenant: str, attribute: object, value: object) -> str | None:
    if not isinstance(attribute, str) or not isinstance(value, str):
        return None
    if attribute.lower() == "sipproxyaddress" and not value.lower().startswith("sip:"):
        value = f"sip:{value}"
    return view_of_value(tenant, as_in_ad(attribute) or "", value)


def questions(view: ObjectView) -> list[Derived]:
    """What the object's view asks. Not dependent on the answers, else they would take themselves back.

    Only whether the refusal still stands is said with it ("refused"): the server's answer decides, which is another.
    """
    refusal = refusal_of(view)
    if refusal is None:
        return []
    stands = standing_refusal(view) is not None
    asked = [ask_holders(holders, view.key, refused=stands) for holders in value_views(refusal)]
    return asked + ask_export(refusal, view.key)
