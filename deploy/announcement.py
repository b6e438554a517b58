"""The end of a start, in one line: what runs, what was read, what stands open, what to type next."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.findings_source import read_findings
from deploy.freshness import Freshness
from deploy.freshness_source import read_freshness
from streams.contracts.errors import SyncHealthError
from streams.contracts.finding import Finding, FindingState, Severity
from streams.runtime.clock import now_ms
from streams.runtime.settings import Settings

_LOOK_EVERY_S = 3.0
# A record that waits longer than a worker's commit takes waits for workers that have not joined yet.
_WAITS_FOR_WORKERS_MS = 5_000


def announce(
    settings: Settings, config: Path | None, processes: int, tell: Callable[[str], None], stop: threading.Event
) -> threading.Thread:
    """Tell the line once, from a thread of its own, when every source was read whole and worked off."""
    started_ms = now_ms()

    def wait() -> None:
        while not stop.wait(_LOOK_EVERY_S):
            try:
                fresh = read_freshness(settings)
                if is_ready(fresh, started_ms):
                    found = read_findings(settings.kafka).latest.values()
                    tell(line(settings, config, processes, fresh, list(found)))
                    return
            except SyncHealthError:
                continue  # Kafka is away: the processes say so themselves

    thread = threading.Thread(target=wait, name="announcement", daemon=True)
    thread.start()
    return thread


def is_ready(fresh: Freshness, since_ms: int) -> bool:
    """Whether all of it is known, and by processes that were started at `since_ms`: not by those before them."""
    heard = all(source.heard is not None and source.heard.contact_ms >= since_ms for source in fresh.sources)
    oldest_ms = fresh.lag.oldest_ms if fresh.lag else None
    worked_off = oldest_ms is None or fresh.at_ms - oldest_ms <= _WAITS_FOR_WORKERS_MS
    return heard and worked_off and not fresh.faults


def line(settings: Settings, config: Path | None, processes: int, fresh: Freshness, findings: Sequence[Finding]) -> str:
    """The line itself."""
    read = ", ".join(  # what was read whole in an earlier life is not counted again
        f"{each.name} ({each.heard.done:,} objects)" if each.heard and each.heard.done else each.name
        for each in fresh.sources
    )
    named = f" --config {config}" if config else ""
    return (
        f"ready: {processes} processes run; read whole and worked off: {read}; {opened(findings)}; "
        f"metrics: http://{settings.metrics.host}:{settings.metrics.port}/metrics; next: synchealth findings{named}"
    )


def opened(findings: Sequence[Finding]) -> str:
    """How many findings stand open, by severity."""
    found = Counter(finding.severity for finding in findings if finding.state is FindingState.OPEN)
    parts = ", ".join(f"{found[severity]:,} {severity.value}" for severity in Severity if found[severity])
    noun = "finding" if found.total() == 1 else "findings"
    return f"{found.total():,} {noun} open ({parts})" if parts else "no finding is open"
