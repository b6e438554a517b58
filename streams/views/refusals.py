"""An object that Entra ID refused at an export (ADSync 6941): who holds the value, and has a later export let it pass?

Every export tells anew of each object that it refuses. So a refusal stands until its cloud object was written later
(onPremisesLastSyncDateTime), or until a cycle of that server that began later has exported and not told of it: the
object's view asks the server's ("asks/<object view>") when the last such cycle began ("exported/<server view>"), and
the view of the value who holds it (streams.views.proposals).

Source: Microsoft, "Troubleshoot errors during synchronization"; KB2647098 (the attributes as they are spelled there).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from streams.contracts.events import Event, Result
from streams.reference_data.export_attributes import IN_AD
from streams.views.events import EXPORT_ERROR
from streams.views.proposals import PROBE, view_of_value
from streams.views.view import Derived, time_in

if TYPE_CHECKING:
    from streams.views.directory_object import ObjectView  # which asks by us

ASKS, EXPORTED = "asks/", "exported/"


def refusal_of(view: ObjectView) -> Event | None:
    """The newest refusal, unless the cloud object was written after it. One of a gone object, too."""
    told = [event for event in view.events if event.name == EXPORT_ERROR and event.result is Result.FAILURE]
    if not told or not (view.ad or view.entra or view.gone):
        return None
    written_ms = max((time_in(side.attributes, "onPremisesLastSyncDateTime", 0) for side in view.entra), default=0)
    return told[-1] if told[-1].ts_ms > written_ms else None


def standing_refusal(view: ObjectView) -> Event | None:
    """The refusal, unless a later export of its server has told of it no more."""
    refusal = refusal_of(view)
    return refusal if refusal is not None and view.exported_ms <= refusal.ts_ms else None


def attribute_of(refusal: Event) -> str | None:
    """The refused attribute as Active Directory spells it; None where the event names none."""
    named = refusal.details.get("attribute")
    return IN_AD.get(named.lower(), named) if isinstance(named, str) else None


def value_view(refusal: Event) -> str | None:
    """The key of the view that knows who holds the refused value."""
    attribute, value = attribute_of(refusal), refusal.details.get("value")
    if attribute is None or not isinstance(value, str):
        return None
    if str(refusal.details["attribute"]).lower() == "sipproxyaddress" and not value.lower().startswith("sip:"):
        value = f"sip:{value}"
    return view_of_value(refusal.tenant, attribute, value)


def questions(view: ObjectView) -> list[Derived]:
    """What the object's view asks. Not dependent on the answers, else they would take themselves back."""
    refusal = refusal_of(view)
    if refusal is None:
        return []
    asked = []
    holders = value_view(refusal)
    if holders is not None:
        asked.append(Derived(holders, PROBE + view.key, {"asker": view.key}))
    if refusal.server is not None:
        server = f"server/{view.tenant}/{refusal.server}"
        asked.append(Derived(server, ASKS + view.key, {"asker": view.key}))
    return asked


def answers(key: str, askers: Iterable[str], exported_ms: int) -> list[Derived]:
    """What the view of a server tells those who ask: when its newest cycle that exported, and has ended, began (ms)."""
    return [Derived(asker, EXPORTED + key, {"began_ms": exported_ms}) for asker in askers] if exported_ms else []
