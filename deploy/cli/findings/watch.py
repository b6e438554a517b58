"""Findings as they change: the table that follows the topic, and changes one by one."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console, Group
from rich.live import Live

from deploy.cli.findings.source import Findings
from deploy.cli.findings.table import findings_table, ordered
from deploy.cli.terminal import headline, write_json
from sinks.freshness_source import read_freshness, with_failing
from streams.contracts.errors import RetriableError
from streams.contracts.finding import Finding
from streams.contracts.topics import FINDINGS
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaSettings, Settings
from streams.runtime.topic_reader import TopicReader

_FRESH_FOR_MS = 3_000
_FRESHNESS_EVERY_S = 15.0

Filter = Callable[[Finding], bool]


def watch_table(settings: Settings, concerns: Filter, wanted: Filter, limit: int, console: Console) -> None:
    """Show the wanted findings as they are, refreshed as they change, for ever. Raises RetriableError.

    concerns: which changes to mark for a moment, even if the finding is not wanted any more (it was resolved).
    """
    changed_ms: dict[str, int] = {}
    fresh, looked_s = read_freshness(settings), time.monotonic()
    with Live(console=console, auto_refresh=False, screen=True) as live:

        def show(known: Findings, change: Finding | None) -> None:
            nonlocal fresh, looked_s
            if change is not None:
                changed_ms[change.id] = now_ms()
                return
            horizon = now_ms() - _FRESH_FOR_MS
            for id_ in [id_ for id_, at_ms in changed_ms.items() if at_ms <= horizon]:
                del changed_ms[id_]
            if time.monotonic() - looked_s > _FRESHNESS_EVERY_S:
                with contextlib.suppress(RetriableError):  # its age goes on growing on the screen
                    fresh = read_freshness(settings)
                looked_s = time.monotonic()
            marked = frozenset(changed_ms)
            chosen = ordered([f for f in known.latest.values() if wanted(f) or (f.id in marked and concerns(f))])
            head = headline(with_failing(replace(fresh, at_ms=now_ms()), known.latest.values()))
            lines = min(limit, max(1, console.height - 6 - len(head.plain.splitlines())))
            table = findings_table(chosen, now_ms=now_ms(), limit=lines, width=console.width, changed=marked)
            live.update(Group(head, table), refresh=True)

        _follow(settings.kafka, show)


def watch_json(settings: KafkaSettings, concerns: Filter) -> None:
    """Print every change that concerns us, one line of JSON each, for ever. Raises RetriableError."""

    def show(_known: Findings, change: Finding | None) -> None:
        if change is not None and concerns(change):
            write_json(change)
            sys.stdout.flush()

    _follow(settings, show)


def _follow(settings: KafkaSettings, show: Callable[[Findings, Finding | None], None]) -> None:
    """Read on for ever: `show` gets each change after the start, and None once per second or so."""
    known = Findings()
    with TopicReader(settings, [FINDINGS]) as reader:
        while True:
            try:
                records = reader.poll(0.5)
            except RetriableError:
                if not known.latest:
                    raise
                time.sleep(1)
                continue
            for record in records:  # opened, updated, suppressed and resolved ones alike
                change = known.take(record)
                if change is not None and record.live:
                    show(known, change)
            if reader.position.caught_up:
                show(known, None)
