"""What the audience sees: a live screen on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deploy.lab.demo.sources import SourceState
from deploy.lab.stories.player import Progress
from deploy.lab.sync.report import CycleReport
from streams.contracts.finding import Finding, FindingState
from streams.runtime.printable import printable

_STYLE = {"critical": "bold white on red", "high": "red", "medium": "yellow", "low": "cyan"}
# In this order. What another finding explains is neither open nor resolved.
_MARKS = {
    FindingState.OPEN: ("●", ""),
    FindingState.SUPPRESSED: ("○", "dim"),
    FindingState.RESOLVED: ("✓", "dim green"),
}
_RECENT, _RECENT_IF_LOW = 6, 3
_LOW, _NARROW = 30, 110  # lines, columns
_ID_CHARACTERS = 8


@dataclass(slots=True)
class Scene:
    """Everything there is to show; written by several threads under `lock`."""

    title: str = ""
    desk_url: str = ""
    metrics_url: str = ""
    config: str = ""
    told: deque[str] = field(default_factory=lambda: deque(maxlen=_RECENT))
    sources: Sequence[SourceState] = ()
    findings: dict[str, Finding] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    lab_time_s: float = 0.0
    next_cycle_s: float = 0.0
    done: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Screen(Protocol):
    """One way to show a performance."""

    def tell(self, line: str) -> None:
        """Something happened in the lab or on the stage."""

    def finding(self, finding: Finding, progress: Progress | None) -> None:
        """A finding opened, changed or resolved."""

    def __enter__(self) -> Screen: ...

    def __exit__(self, *_: object) -> None: ...


class PlainScreen:
    """A line per event, for logs and pipes."""

    def __init__(self, console: Console, scene: Scene) -> None:
        self._console, self._scene = console, scene

    def tell(self, line: str) -> None:
        self._print(f"        {line}")

    def finding(self, finding: Finding, progress: Progress | None) -> None:
        took = latency(finding, progress)
        self._print(
            f"{finding.state.value.upper():<9} {finding.detection}: {finding.summary}{f'  [{took}]' if took else ''}"
        )

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _print(self, line: str) -> None:
        with self._scene.lock:
            self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


class LiveScreen:
    """The whole scene, four times a second."""

    def __init__(self, console: Console, scene: Scene) -> None:
        self._console, self._scene = console, scene
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render, screen=False)

    def tell(self, line: str) -> None:
        with self._scene.lock:
            self._scene.told.append(line)

    def finding(self, finding: Finding, progress: Progress | None) -> None:
        pass  # the scene has it already

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.refresh()
        self._live.__exit__(None, None, None)

    def _render(self) -> RenderableType:
        with self._scene.lock:
            return render(self._scene, self._console.height, self._console.width)


def render(scene: Scene, height: int, width: int = _NARROW) -> RenderableType:
    """The scene on a screen of so many lines: open findings first, the newest on top, as many as there is room for."""
    recent = _RECENT if height >= _LOW else _RECENT_IF_LOW
    told = list(scene.told)[-recent:]
    doors = _doors(scene)
    story = Text("\n".join(map(printable, told)) or "…", overflow="ellipsis", no_wrap=True)
    head = Panel(story, title=Text(scene.title), title_align="left", subtitle=_clock(scene), subtitle_align="right")
    room = max(3, height - max(1, len(told)) - len(scene.sources) - len(doors) - 9)
    return Group(head, _findings(scene, room, narrow=width < _NARROW), _sources(scene, doors))


def _findings(scene: Scene, room: int, *, narrow: bool) -> RenderableType:
    table = Table(expand=True, box=None, pad_edge=False)
    table.add_column("", width=1)
    table.add_column("severity", no_wrap=True)
    table.add_column("id", no_wrap=True, style="dim")
    if not narrow:
        table.add_column("detection", no_wrap=True)
    table.add_column("what", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("found in", justify="right", no_wrap=True)
    table.add_column("cleared in", justify="right", no_wrap=True)
    newest_first = sorted(scene.findings.values(), key=lambda each: each.updated_at, reverse=True)
    rows = sorted(newest_first, key=lambda each: list(_MARKS).index(each.state))
    for each in rows[:room]:
        progress = scene.progress.get(each.id)
        resolved = each.state is FindingState.RESOLVED
        style = _MARKS[each.state][1] or _STYLE[each.severity.value]
        table.add_row(
            Text(_MARKS[each.state][0], style=style),
            Text(each.severity.value, style=style),
            each.id[:_ID_CHARACTERS],
            *([] if narrow else [Text(each.detection.partition(".")[2], style=style)]),
            Text(printable(each.summary), style="" if each.state is FindingState.OPEN else "dim"),
            _ms(progress.open_latency_ms if progress else None),
            _ms(progress.resolve_latency_ms if progress and resolved else None),
        )
    hidden = len(rows) - room
    counts = Counter(each.state for each in rows)
    shown = [each for each in _MARKS if counts[each] or each is not FindingState.SUPPRESSED]
    title = ", ".join(f"{counts[each]} {each.value}" for each in shown)
    return Panel(table, title=title + (f", {hidden} more" if hidden > 0 else ""), title_align="left")


def _doors(scene: Scene) -> list[str]:
    """Where everything is, and what to type in another terminal: it must not scroll away."""
    if not scene.config:
        return []
    return [
        f"the desk: {scene.desk_url}   metrics: {scene.metrics_url}",
        "in another terminal:  synchealth findings  |  synchealth explain ID   after",
        f"export SYNCHEALTH_CONFIG={scene.config}",
    ]


def _sources(scene: Scene, doors: Sequence[str]) -> RenderableType:
    lines = [f"{state.name:<44} {state.phase:<10} {state.facts:>8,} facts" for state in scene.sources]
    text = Text("\n".join([*lines, *doors]), no_wrap=True, overflow="ellipsis")
    return Panel(text, title="sources", title_align="left")


def _clock(scene: Scene) -> str:
    if scene.done:
        return "the story is over; everything goes on running: Ctrl-C ends it"
    hours, minutes = divmod(int(scene.lab_time_s) // 60, 60)
    wait_min = max(0, int(scene.next_cycle_s - scene.lab_time_s) // 60)
    return f"lab time {hours}:{minutes:02}, next sync cycle in {wait_min} lab minutes"


def latency(finding: Finding, progress: Progress | None) -> str:
    """From the write to the finding, or from the repair to its resolution; empty where nobody knows."""
    if progress is None:
        return ""
    if finding.state is FindingState.RESOLVED:
        return _ms(progress.resolve_latency_ms, "after the repair")
    return _ms(progress.open_latency_ms, "after the write")


def cycle_line(report: CycleReport) -> str:
    """One sync cycle in a line."""
    parts = [f"sync cycle {report.number}: {report.status}"]
    counts = {
        "added": report.added,
        "updated": report.updated,
        "deleted": report.deleted,
        "quarantined": len(report.quarantined),
        "unresolved references": len(report.unresolved),
    }
    parts += [f"{count} {name}" for name, count in counts.items() if count]
    parts += [error.code.value for error in report.errors]
    return ", ".join(parts)


def _ms(value: int | None, suffix: str = "") -> str:
    if value is None:
        return ""
    shown = f"{value} ms" if value < 10_000 else f"{value / 1000:.1f} s"
    return f"{shown} {suffix}".rstrip()
