"""Findings as a table for the terminal: one line each, most severe and longest-standing first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.contracts.finding import Finding, FindingState, Holder, Severity
from streams.contracts.times import age, parse_rfc3339
from streams.runtime.printable import shown

SEVERITY_STYLE = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
STATE_STYLE = {FindingState.OPEN: "bold", FindingState.SUPPRESSED: "dim italic", FindingState.RESOLVED: "green"}
_ORDER = {severity: place for place, severity in enumerate(Severity)}
_STATES = {state: place for place, state in enumerate(FindingState)}
ID_CHARACTERS = 8


def since(text: str, now_ms: int) -> str:
    """The age of a moment in RFC 3339; "?" where it is none."""
    try:
        return age((now_ms - parse_rfc3339(text)) / 1000)
    except ValueError:
        return "?"


def name_of(holder: Holder) -> str:
    """What people call an object, as far as it has a name."""
    return holder.display_name or holder.user_principal_name or holder.distinguished_name or holder.id


def ordered(findings: Sequence[Finding], first: int | None = None) -> list[Finding]:
    """Open before suppressed before resolved, then by severity, then the longest-standing first.

    first: how many are wanted in order; the others follow as they come.
    """
    if first is None or first >= len(findings):
        return sorted(findings, key=_place)
    ahead = heapq.nsmallest(first, findings, key=_place)
    ids = {finding.id for finding in ahead}
    return ahead + [finding for finding in findings if finding.id not in ids]


def _place(finding: Finding) -> tuple[int, int, str, str]:
    return _STATES[finding.state], _ORDER[finding.severity], finding.opened_at, finding.id


def findings_table(
    findings: Sequence[Finding],
    *,
    now_ms: int,
    limit: int,
    width: int,
    all_clear: bool = False,
    left_out: Counter[FindingState] | None = None,
    changed: frozenset[str] = frozenset(),
    more: str = "synchealth explain ID tells who is involved and what to do",
) -> RenderableType:
    """At most `limit` findings (already ordered), the columns that `width` characters leave room for, and a sum.

    all_clear: that there are none means that nothing is wrong; left_out: where there are none, how many of each state
    match but for their state; changed: ids to mark as just changed; more: how to
    see one whole.
    """
    if not findings:
        if all_clear:
            return Text("No findings: as far as SyncHealth can see, both directories agree.", style="green")
        others = ", ".join(f"{count:,} {state.value}" for state, count in (left_out or {}).items())
        return Text(
            "No findings match what was asked." if not others else f"No open findings match; --all shows {others}."
        )
    several_tenants = len({finding.tenant for finding in findings}) > 1
    mixed = len({finding.state for finding in findings}) > 1 or findings[0].state is not FindingState.OPEN
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="bold dim")
    table.add_column("SEVERITY", no_wrap=True)
    if mixed:
        table.add_column("STATE", no_wrap=True)
    table.add_column("SINCE", no_wrap=True, justify="right")
    table.add_column("DETECTION", no_wrap=True, overflow="ellipsis", max_width=None if width >= 120 else 18)
    table.add_column("WHAT", no_wrap=True, overflow="ellipsis", ratio=1)
    if width >= 140:
        table.add_column("FOREST", no_wrap=True)
    if several_tenants and width >= 140:
        table.add_column("TENANT", no_wrap=True)
    table.add_column("ID", no_wrap=True, style="dim")
    for finding in map(shown, findings[:limit]):
        open_ = finding.state is FindingState.OPEN
        cells: list[RenderableType] = [Text(finding.severity.value, style=SEVERITY_STYLE[finding.severity])]
        if mixed:
            cells.append(Text(finding.state.value, style=STATE_STYLE[finding.state]))
        cells.append(since(finding.opened_at if open_ else finding.updated_at, now_ms))
        cells.append(finding.detection if width >= 120 else finding.detection.partition(".")[2])
        cells.append(Text(finding.summary, style="" if open_ else "dim"))
        if width >= 140:
            cells.append(finding.forest or "-")
            if several_tenants:
                cells.append(finding.tenant[:8])
        cells.append(finding.id[:ID_CHARACTERS])
        table.add_row(*cells, style="reverse" if finding.id in changed else None)
    return Group(table, Text(), _sum(findings, limit, more))


def _sum(findings: Sequence[Finding], limit: int, more: str) -> Text:
    text = Text()
    states = Counter(finding.state for finding in findings)
    text.append(", ".join(f"{states[state]:,} {state.value}" for state in FindingState if states[state]), style="bold")
    opened = Counter(finding.severity for finding in findings if finding.state is FindingState.OPEN)
    if opened:
        text.append(" (")
        for place, severity in enumerate(severity for severity in Severity if opened[severity]):
            text.append(", " if place else "")
            text.append(f"{opened[severity]:,} {severity.value}", style=SEVERITY_STYLE[severity])
        text.append(" open)" if len(states) > 1 else ")")
    if len(findings) > limit:
        text.append(
            f" · {len(findings) - limit:,} not shown: narrow the question (--search, --forest, …), or raise --limit",
            style="yellow",
        )
    text.append(f"\n{more}", style="dim")
    return text
