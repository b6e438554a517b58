"""The end of a start, in one line: what runs, what was read, what stands open, what to type next."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deploy.cli.findings.source import read_findings
from deploy.cli.report.first_reading import faults_of, first_reading_of
from sinks.freshness import Freshness
from sinks.freshness_source import read_freshness
from streams.contracts.errors import SyncHealthError
from streams.contracts.finding import Finding, FindingState, Severity
from streams.runtime.clock import now_ms
from streams.runtime.settings import Settings

_LOOK_EVERY_S = 3.0
# Between a source's first contact and the last record of what it then read.
_FIRST_POLL_MS = 3_000


def announce(
    settings: Settings, config: Path | None, processes: int, emit: Callable[[str], None], stop: threading.Event
) -> threading.Thread:
    """Tell the line once, from a thread of its own, when every source was read whole and worked off."""
    started_ms = now_ms()

    def wait() -> None:
        contacted_ms: int | None = None
        while not stop.wait(_LOOK_EVERY_S):
            try:
                fresh = read_freshness(settings)
                if contacted_ms is None and all_contacted(fresh, started_ms):
                    contacted_ms = fresh.at_ms
                if contacted_ms is not None and is_ready(fresh, contacted_ms):
                    found = read_findings(settings.kafka).latest.values()
                    emit(line(settings, config, processes, fresh, list(found)))
                    return
            except SyncHealthError:
                continue  # Kafka is away: the processes say so themselves

    thread = threading.Thread(target=wait, name="announcement", daemon=True)
    thread.start()
    return thread


@contextlib.contextmanager
def announcing_first_reading(settings: Settings, emit: Callable[[str], None]) -> Iterator[None]:
    """Tell once during the body, from a thread of its own, what was found when the first reading is complete."""
    over = threading.Event()

    def wait() -> None:
        looks = 0
        while not over.wait(_LOOK_EVERY_S):
            with contextlib.suppress(SyncHealthError):  # Kafka is away: the processes say so themselves
                first = first_reading_of(read_freshness(settings), settings.detections.sync_interval_s)
                looks = looks + 1 if first.complete else 0
                if looks == 2:  # what was told between them is worked off, too
                    faults = faults_of(read_findings(settings.kafka).latest.values(), first)
                    emit(first_reading_line([fault.finding for fault in faults]))
                    return

    thread = threading.Thread(target=wait, name="first reading", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def first_reading_line(found: Sequence[Finding]) -> str:
    """How much the first reading has found, by family, and how to see it."""
    families = ", ".join(f"{name} {count:,}" for name, count in Counter(each.family for each in found).most_common())
    so_far = f"{len(found):,} faults so far ({families})" if found else "no fault so far"
    return f"the first reading is complete: {so_far}; what to repair first: synchealth report --first-reading"


def all_contacted(fresh: Freshness, started_ms: int) -> bool:
    """Whether each source has reached the other side since `started_ms`; last contacts from before it do not count."""
    contacts = [source.last_contact for source in fresh.sources]
    return all(each is not None and each.contact_ms >= started_ms for each in contacts)


def is_ready(fresh: Freshness, contacted_ms: int) -> bool:
    """Whether nothing is blind, and workers are past what sources read within _FIRST_POLL_MS after `contacted_ms`."""
    read_ms = contacted_ms + _FIRST_POLL_MS
    oldest_ms = fresh.lag.oldest_ms if fresh.lag else None
    return not fresh.blind and fresh.at_ms >= read_ms and (oldest_ms is None or oldest_ms >= read_ms)


def line(settings: Settings, config: Path | None, processes: int, fresh: Freshness, findings: Sequence[Finding]) -> str:
    """The line itself."""
    read = ", ".join(  # what was read whole in an earlier life is not counted again
        f"{each.name} ({last.done:,} objects)" if (last := each.last_contact) and last.done else each.name
        for each in fresh.sources
    )
    named = f" --config {config}" if config else ""
    return (
        f"ready: {processes} processes run; read whole and worked off: {read}; {opened(findings)}; "
        f"{_desk(settings)}metrics: http://{settings.metrics.host}:{settings.metrics.port}/metrics; "
        f"next: synchealth findings{named}"
    )


def _desk(settings: Settings) -> str:
    return f"the desk: {settings.desk.address}; " if settings.desk.enabled else ""


def opened(findings: Sequence[Finding]) -> str:
    """How many findings stand open, by severity."""
    found = Counter(finding.severity for finding in findings if finding.state is FindingState.OPEN)
    parts = ", ".join(f"{found[severity]:,} {severity.value}" for severity in Severity if found[severity])
    noun = "finding" if found.total() == 1 else "findings"
    return f"{found.total():,} {noun} open ({parts})" if parts else "no finding is open"
