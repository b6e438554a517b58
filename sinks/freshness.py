"""How fresh an answer is, and whether an all-clear may be read from it. Pure; sinks.freshness_source reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sinks.lag import Lag
from streams.contracts.times import age

EXIT_BLIND = 3
# Sources write their last contact every 15 s; three in a row that do not come are no coincidence.
_LEAST_LIMIT_S = 60.0
_INTERVALS = 3
# Workers commit every second; a record that waits longer than this waits for somebody who does not work.
_LAG_LIMIT_S = 30.0
_READING = ("starting", "snapshot")
LETTERS_S = 3600.0
"""How long a dead letter counts, as for its alert: whether what it was about was told since is known to nobody."""


@dataclass(frozen=True, slots=True)
class LastContact:
    """What a source last wrote of itself.

    contact_ms: when the other side last answered (ms); 0: it has not since the producer's start.
    unread: kinds of Windows events that no reader knows -> how many since then. unheard: parts of it that do not answer
    -> since when. orders: ordered readings that are not done, "" for everything.
    whole_ms: when its first reading came to its end; 0: it has not.
    """

    contact_ms: int
    phase: str
    done: int
    unread: Mapping[str, int] = field(default_factory=dict)
    unheard: Mapping[str, int] = field(default_factory=dict)
    orders: frozenset[str] = frozenset()
    whole_ms: int = 0


@dataclass(frozen=True, slots=True)
class SourceFreshness:
    """One source that this installation has. interval_s: how often it asks the other side; None: it never reported."""

    name: str
    interval_s: float
    last_contact: LastContact | None

    def fault(self, now_ms: int) -> str | None:
        """Why nothing can be concluded from this source's silence; None where it follows the other side."""
        if self.last_contact is None:
            return f"{self.name} has never been read"
        if not self.last_contact.contact_ms:
            return f"{self.name} does not answer"
        age_s = (now_ms - self.last_contact.contact_ms) / 1000
        limit_s = max(_LEAST_LIMIT_S, _INTERVALS * self.interval_s)
        if age_s > limit_s:
            return f"{self.name} was last heard {age(age_s)} ago"
        if self.last_contact.phase in _READING:
            return f"the first reading of {self.name} is not complete ({self.last_contact.done:,} objects so far)"
        if self.last_contact.orders:
            what = "everything" if "" in self.last_contact.orders else ", ".join(sorted(self.last_contact.orders))
            return f"{self.name} is to tell {what} again, as ordered (synchealth resync shows how far it is)"
        if self.last_contact.phase == "resync":
            return f"{self.name} is read again in full, and not complete ({self.last_contact.done:,} objects so far)"
        silent = [
            f"{part} (for {age((now_ms - since_ms) / 1000)})"
            for part, since_ms in sorted(self.last_contact.unheard.items())
            if now_ms - since_ms > limit_s * 1000
        ]
        return f"{self.name}: no answer of {', '.join(silent)}" if silent else None


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is known of everything that an answer rests upon.

    lag: None: it cannot be read, `lag_unknown` says why; group: the workers' consumer group. letters: dead letters
    of the last LETTERS_S. failing: what the open findings say of views that cannot be evaluated.
    """

    at_ms: int
    sources: Sequence[SourceFreshness]
    lag: Lag | None
    lag_unknown: str = ""
    group: str = ""
    letters: int = 0
    failing: tuple[str, ...] = ()

    @property
    def faults(self) -> list[str]:
        """Why "nothing found" does not mean that nothing is wrong; empty: it does."""
        found = [*self.blind, *self.failing]
        if self.letters:
            found.append(f"{self.letters:,} records of the last hour could not be used (synchealth deadletters list)")
        return found

    @property
    def blind(self) -> list[str]:
        """The faults of whoever does not answer, has not read everything, or is behind."""
        found = [fault for source in self.sources if (fault := source.fault(self.at_ms))]
        if not self.sources:
            found.append("no source has ever been read")
        return [*found, *self.lag_faults()]

    def document(self) -> dict[str, Any]:
        """The same for machines; ages in seconds."""
        return {
            "complete": not self.faults,
            "faults": self.faults,
            "sources": {source.name: self._source_document(source) for source in self.sources},
            "lag_records": self.lag.records if self.lag else None,
            "lag_seconds": self._oldest_s(),
        }

    def _source_document(self, source: SourceFreshness) -> Mapping[str, Any]:
        last = source.last_contact
        contact_s = round((self.at_ms - last.contact_ms) / 1000, 3) if last and last.contact_ms else None
        return {"last_contact_seconds": contact_s, "phase": last.phase if last else None}

    def ago(self, source: SourceFreshness) -> str:
        """When the other side of a source last answered, for people to read."""
        if source.last_contact is None:
            return "never"
        if not source.last_contact.contact_ms:
            return "no answer yet"
        return f"{age((self.at_ms - source.last_contact.contact_ms) / 1000)} ago"

    def _oldest_s(self) -> float | None:
        if self.lag is None or self.lag.oldest_ms is None:
            return None
        return max(0.0, (self.at_ms - self.lag.oldest_ms) / 1000)

    def lag_text(self) -> str:
        """How far the workers are behind, for people to read."""
        if self.lag is None or self.lag.records is None:
            return "how far the workers are is not known"
        if not self.lag.committed:
            return "no worker"
        oldest_s = self._oldest_s()
        if self.lag.asleep:
            return "workers are not there for everything"
        if oldest_s is None or oldest_s <= _LAG_LIMIT_S:
            return "workers have caught up"
        return f"workers are {age(oldest_s)} behind"

    def lag_faults(self) -> list[str]:
        """Why not everything that the sources wrote is evaluated; empty: it is, or within the limit."""
        if self.lag is None or self.lag.records is None:
            return [self.lag_unknown or "how far the workers are behind cannot be read"]
        if not self.lag.committed:
            return [f"no worker has ever run in the consumer group {self.group!r}"]
        if self.lag.lost:
            return [f"{self.lag.lost:,} records went before the workers had read them: they are to be told again"]
        if self.lag.asleep:
            return [f"nobody works on {self.lag.asleep} of {self.lag.ticking} partitions: their deadlines do not pass"]
        oldest_s = self._oldest_s()
        if oldest_s is not None and oldest_s > _LAG_LIMIT_S:
            return [f"{self.lag.records:,} records wait for the workers, the oldest for {age(oldest_s)}"]
        return []
