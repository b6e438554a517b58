"""Follows a log of Entra: auditLogs/directoryAudits, auditLogs/provisioning of Cloud Sync, auditLogs/signIns.

Rows become visible minutes after they happened, in any order, and nothing tells when a row arrived. So each round
asks again for everything since the newest row less an overlap, and leaves out what it has told, rows that cannot be
read included. Where that memory is cut (a restart, too many rows) a row is told twice, which does no harm: events are
known by their id.

Source: Microsoft Graph, list directoryAudits (`ge`) and list provisioningObjectSummary (`gt` only); reports are
throttled to 5 requests in 10 seconds per application and tenant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from producers.graph.client import GraphClient, GraphError
from producers.graph.delta import dead_letter, written
from producers.graph.mapping.audits import audit_event
from producers.graph.mapping.provisioning import provisioning_event
from producers.graph.page import UnreadableItem
from producers.graph.task import Step
from producers.graph.trail import Trail
from producers.refusing import refusing
from producers.saved import past_ms
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.events import Event
from streams.contracts.times import parse_rfc3339
from streams.runtime.clock import HybridClock, now_ms, rfc3339
from streams.runtime.logs import get_logger

_PAGE = 1000
_MOST_REMEMBERED = 15_000
_REFUSED = frozenset({400, 401, 403, 404})
_ASK_AGAIN_S = 300.0
# As long as views remember what an audit log says, and as long as Entra ID keeps it at most.
# Source: Microsoft, "Microsoft Entra data retention": audit logs are kept for 7 days, or 30 with P1 or P2.
_TELL_AGAIN_MS = 30 * 24 * 3600 * 1000

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LogOfEntra:
    """One log: where it is, which comparison its time takes, how its rows are read, and what may be read by.

    time: the property with a row's time. kept: what may be looked at of a row, and become a dead letter; (): all of it.
    """

    name: str
    comparison: str
    event: Callable[[Mapping[str, Any], str, int], Event | None]
    permission: str
    time: str = "activityDateTime"
    kept: tuple[str, ...] = ()


AUDITS = LogOfEntra("directoryAudits", "ge", audit_event, "AuditLog.Read.All")
PROVISIONING = LogOfEntra("provisioning", "gt", provisioning_event, "AuditLog.Read.All")
LOGS = (AUDITS, PROVISIONING)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPace:
    """How often to ask, how far back to ask again, and how far back to begin; seconds."""

    interval_s: float
    overlap_s: float
    lookback_s: float


class LogTask:
    """One log of one tenant. `refusal`: what Graph answered where we may not read it; None while we may."""

    def __init__(
        self, of: LogOfEntra, client: GraphClient, tenant: str, source: str, sequence: HybridClock, pace: LogPace
    ) -> None:
        self.name = of.name
        self.refusal: str | None = None
        self._log = of
        self._client = client
        self._tenant = tenant
        self._source = source
        self._sequence = sequence
        self._pace = pace
        self._newest_ms = self._again_ms = 0
        self._emitted: dict[str, int] = {}
        self._link: str | None = None
        self._round_ms = 0
        self._refused = False  # since the position was saved
        self._trail = Trail(self.name)

    @property
    def interval_s(self) -> float:
        """How long to rest; longer while we are refused."""
        return self._pace.interval_s if self.refusal is None else max(_ASK_AGAIN_S, self._pace.interval_s)

    @property
    def ready(self) -> bool:
        """Always."""
        return True

    @property
    def resting(self) -> bool:
        """Whether the round is complete."""
        return self._link is None

    @property
    def full_pass(self) -> str | None:
        """Never: a log has no whole."""
        return None

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Go on where the last complete round ended."""
        for saved in checkpoints:
            if saved.part == self.name:
                stored = saved.position.get("told")
                self._newest_ms = past_ms(saved.position.get("newest_ms"))
                self._again_ms = past_ms(saved.position.get("again_ms"))
                self._emitted = {name: past_ms(at) for name, at in stored.items()} if isinstance(stored, dict) else {}

    @property
    def resyncing(self) -> bool:
        """Whether a round is under way that emits again what was emitted before."""
        return bool(self._again_ms) and self.refusal is None

    def emit_again(self) -> Step:
        """Ask once more for everything that views may still remember; what is on the wire must not be applied."""
        self._newest_ms, self._again_ms, self._round_ms = 0, now_ms() - self._longest_ms(), 0
        self._emitted, self._link = {}, None
        return Step(checkpoints=[self._position(now_ms())])

    def fetch(self) -> dict[str, Any] | None:
        """A page of rows; None where we may not read the log. Raises RetriableError."""
        if self._link is None:
            self._trail = Trail(self.name)
        url = self._link or self._client.url(self._path())
        try:
            page = self._client.get(url)
        except GraphError as error:
            if error.status not in _REFUSED:
                raise RetriableError(str(error), retry_after_s=_ASK_AGAIN_S) from error
            if self.refusal is None:
                log.warning("unknown", source=self._source, part=self.name, error=str(error))
            self.refusal = f"{error.status} {error.code}"
            return None
        self.refusal = None
        if not isinstance(page.get("value"), list):
            raise RetriableError(f"{self.name}: the page has no value; asking again")
        self._trail.after(url, page)
        return page

    def apply(self, answer: dict[str, Any] | None) -> Step:
        """The events that were not emitted yet; the position once the round is complete."""
        step, seen_ms = Step(), now_ms()
        if answer is None:
            self._link = None
            return step
        for row in answer["value"]:
            item = self._without_others(row)
            try:
                if isinstance(item, UnreadableItem):
                    raise InvalidRecordError("not_json", f"the row cannot be read: {item.fault}")
                with refusing("the row"):
                    event = self._log.event(item, self._tenant, seen_ms)
            except InvalidRecordError as error:
                self._round_ms = max(self._round_ms, min(self._time_of(item), seen_ms))
                if self._is_refused_first(row, seen_ms):
                    step.rejected.append(dead_letter(item, error, seen_ms))
                continue
            if event is None:
                continue
            # A row from the future would move the window past rows that are still to come.
            self._round_ms = max(self._round_ms, min(event.ts_ms, seen_ms))
            if self._is_news(event):
                step.events.append(event)
        following = answer.get("@odata.nextLink")
        self._link = following if isinstance(following, str) else None
        if self._link is None and (self._round_ms > self._newest_ms or self._again_ms or self._refused):
            self._refused = False
            self._newest_ms, self._again_ms = max(self._newest_ms, self._round_ms), 0
            self._forget()
            step.checkpoints.append(self._position(seen_ms))
        return step

    def _position(self, ts_ms: int) -> Checkpoint:
        position: dict[str, Any] = {"newest_ms": self._newest_ms, "told": self._emitted}
        if self._again_ms:
            position["again_ms"] = self._again_ms
        return Checkpoint(
            source=self._source, part=self.name, seq=self._sequence.next(), ts_ms=ts_ms, position=position
        )

    def _longest_ms(self) -> int:
        return max(_TELL_AGAIN_MS, int(self._pace.lookback_s * 1000))

    def _path(self) -> str:
        since_ms = self._again_ms or now_ms() - int(self._pace.lookback_s * 1000)
        if self._newest_ms:
            since_ms = self._since_ms()
        return f"/auditLogs/{self._log.name}?$filter={quote(self._condition(rfc3339(since_ms)))}&$top={_PAGE}"

    def _condition(self, since: str) -> str:
        """The rows to ask for: those from `since` on."""
        return f"{self._log.time} {self._log.comparison} {since}"

    def _is_news(self, event: Event) -> bool:
        """Whether the event was not emitted yet; from now on it counts as emitted."""
        name = _short(event.id)
        if name in self._emitted:
            return False
        self._emitted[name] = event.ts_ms
        return True

    def _is_refused_first(self, row: Any, seen_ms: int) -> bool:
        """Whether this row that cannot be read was not refused before; from now on it was. When it happened is not
        always known, but that it lies before now: no later round asks for it once the newest row is younger.
        """
        name = f"!{_short(written(row))}"
        if name in self._emitted:
            return False
        self._emitted[name], self._refused = seen_ms, True
        return True

    def _time_of(self, item: Any) -> int:
        """When a row happened that cannot be read otherwise; 0 where that cannot be read either."""
        time = item.get(self._log.time) if isinstance(item, dict) else None
        try:
            return parse_rfc3339(time) if isinstance(time, str) else 0
        except (ValueError, OverflowError):
            return 0

    def _without_others(self, row: Any) -> Any:
        if not self._log.kept or not isinstance(row, dict):
            return row
        if isinstance(row, UnreadableItem):
            return UnreadableItem(b"", row.fault)
        return {name: row[name] for name in self._log.kept if name in row}

    def _since_ms(self) -> int:
        return self._newest_ms - int(self._pace.overlap_s * 1000)

    def _forget(self) -> None:
        """What no later round asks for, and the oldest beyond a bound that a checkpoint can carry."""
        since_ms = self._since_ms()
        kept = [(name, at) for name, at in self._emitted.items() if at >= since_ms]
        self._emitted = dict(sorted(kept, key=lambda entry: entry[1])[-_MOST_REMEMBERED:])


def _short(name: str | bytes) -> str:
    """A few characters that tell ids of one window apart; the same for two would only leave an event out in 2^64."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "backslashreplace")
    return hashlib.blake2b(raw, digest_size=8).hexdigest()
