"""The sign-in log of Entra, for one thing only: which hybrid joined devices are in use. Off unless a site asks for it.

Of each device the first sign-in that is read of a day becomes an event, and no more: a busy tenant has millions. Who
signed in is dropped before anything else looks at a row; what is left is the device, its join and its compliance.

Source: Microsoft Graph, "List signIns" (AuditLog.Read.All and a P1 licence): filters take createdDateTime, status and
of deviceDetail the operating system alone; `trustType` holds display texts, of which brands change ("Hybrid Azure AD
joined"). v1.0 lists interactive sign-ins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from producers.graph.client import GraphClient
from producers.graph.logs import LogOfEntra, LogPace, LogTask
from producers.graph.mapping.audits import event_id, event_time, guid
from producers.graph.task import Step
from producers.id_set import IdSet
from streams.contracts.events import Event, Log
from streams.runtime.clock import HybridClock

_SUCCEEDED = "status/errorCode eq 0"
_WINDOWS = "startswith(deviceDetail/operatingSystem,'Windows')"
_DAY_MS = 86_400_000
_DAYS_REMEMBERED = 2


def sign_in_event(item: Mapping[str, Any], tenant: str, seen_ms: int) -> Event | None:
    """The event of one row; None where no hybrid joined device was used.

    object_guid: the device's id, which is its computer's objectGUID. details: trust_type, managed, compliant.

    Raises InvalidRecordError("no_id" or "wrong_type") if it is not a row.
    """
    name, ts_ms = event_id(item), event_time(item, "createdDateTime")
    device = item.get("deviceDetail")
    device = device if isinstance(device, Mapping) else {}
    device_id, trust = guid(device.get("deviceId")), device.get("trustType")
    if device_id is None or not isinstance(trust, str) or "hybrid" not in trust.lower():
        return None
    flags = {"managed": device.get("isManaged"), "compliant": device.get("isCompliant")}
    return Event(
        id=name,
        log=Log.SIGN_IN,
        name="sign-in",
        tenant=tenant,
        ts_ms=ts_ms,
        seen_ms=seen_ms,
        object_guid=device_id,
        details={"trust_type": trust, **{key: flag for key, flag in flags.items() if isinstance(flag, bool)}},
    )


SIGN_INS = LogOfEntra(
    "signIns",
    "ge",
    sign_in_event,
    "AuditLog.Read.All",
    time="createdDateTime",
    kept=("id", "createdDateTime", "deviceDetail"),
)


class SignInTask(LogTask):
    """The sign-ins of one tenant. A device that was told today is not told again; a restart may tell it once more."""

    def __init__(self, client: GraphClient, tenant: str, source: str, sequence: HybridClock, pace: LogPace) -> None:
        super().__init__(SIGN_INS, client, tenant, source, sequence, pace)
        self._days: dict[int, IdSet] = {}
        self._narrowed = True

    def fetch(self) -> dict[str, Any] | None:
        """A page of rows; None where we may not read them. Raises RetriableError."""
        page = super().fetch()
        if page is None and self._narrowed and (self.refusal or "").startswith("400"):
            self._narrowed = False  # this cloud filters by time alone
            page = super().fetch()
        return page

    def emit_again(self) -> Step:
        """As LogTask.emit_again, no further back than a first reading goes: a day of sign-ins takes hours to read."""
        self._days = {}
        return super().emit_again()

    def _longest_ms(self) -> int:
        return int(self._pace.lookback_s * 1000)

    def _condition(self, since: str) -> str:
        condition = super()._condition(since)
        return " and ".join((condition, _SUCCEEDED, _WINDOWS)) if self._narrowed else condition

    def _is_news(self, event: Event) -> bool:
        day = event.ts_ms // _DAY_MS
        emitted = self._days.get(day)
        if emitted is None:
            emitted = self._days[day] = IdSet()
            for old in sorted(self._days)[:-_DAYS_REMEMBERED]:
                del self._days[old]
        return event.object_guid is not None and emitted.add(event.object_guid)
