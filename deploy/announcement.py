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
from streams.runtime.settings import Settings

_LOOK_EVERY_S = 3.0


def announce(
    settings: Settings, config: Path | None, processes: int, tell: Callable[[str], None], stop: threading.Event
) -> threading.Thread:
    """Tell the line once, from a thread of its own, when every source was read whole and worked off."""

    def wait() -> None:
        while not stop.wait(_LOOK_EVERY_S):
            try:
                fresh = read_freshness(settings)
                if not fresh.faults:
                    found = read_findings(settings.kafka).latest.values()
                    tell(line(settings, config, processes, fresh, list(found)))
                    return
            except SyncHealthError:
                continue  # Kafka is away: the processes say so themselves

    thread = threading.Thread(target=wait, name="announcement", daemon=True)
    thread.start()
    return thread


def line(settings: Settings, config: Path | None, processes: int, fresh: Freshness, findings: Sequence[Finding]) -> str:
    """The line itself."""
    read = ", ".join(
        f"{each.name} ({each.heard.done:,} objects)" if each.heard else each.name for each in fresh.sources
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
    return f"{found.total():,} findings open ({parts})" if parts else "no finding is open"
