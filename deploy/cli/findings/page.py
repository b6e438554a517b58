"""One finding in full for the terminal: who is involved on both sides, what to do, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deploy.cli.findings.source import ExplainedFinding
from deploy.cli.findings.table import SEVERITY_STYLE, STATE_STYLE, name_of, since
from deploy.cli.findings.timeline import timeline
from sinks.roles import role_words
from streams.contracts.events import Event
from streams.contracts.finding import Finding, FindingState
from streams.contracts.words import in_words
from streams.runtime.printable import shown

_SIDES = {"ad": "Active Directory", "entra": "Entra ID"}
_ROLE_STYLES = {
    "keeps": "green", "likely_keeps": "green", "quarantined": "bold red", "would_be_quarantined": "bold yellow",
    "would_fail_to_export": "bold red", "left_out": "bold red", "taken_over": "bold yellow", "blocked": "bold red",
    "carries_anchor": "bold yellow", "matched": "green", "failing": "bold red", "not_synchronised": "bold yellow",
    "out_of_scope": "dim",
}  # fmt: skip


def finding_page(explained: ExplainedFinding, *, title: str, now_ms: int) -> RenderableType:
    """Everything known of a finding; `title` is the detection's."""
    explained = _shown(explained)
    finding = explained.finding
    parts: list[RenderableType] = [_head(finding, title, now_ms)]
    if finding.counterparts:
        parts.append(_section("Who is involved", Group(*_holders(finding))))
    if finding.remediation:
        text = Text(finding.remediation)
        if finding.runbook_url:
            text.append(f"\nRunbook: {finding.runbook_url}", style="dim")
        parts.append(_section("What to do", text))
    evidence = {name: value for name, value in finding.evidence.items() if value not in (None, "", [])}
    if finding.cause:
        evidence["caused by"] = f"finding {finding.cause}: synchealth explain {finding.cause}"
    if evidence:
        parts.append(_section("Evidence", _pairs(evidence)))
    if explained.consequences:
        parts.append(_section("What follows from it", Group(*_consequences(explained.consequences))))
    parts.append(_section("Timeline", timeline(explained, now_ms)))
    return Group(*parts)


def _shown(explained: ExplainedFinding) -> ExplainedFinding:
    return replace(
        explained,
        finding=shown(explained.finding),
        history=list(map(shown, explained.history)),
        facts=[(shown(origin), shown(fact)) for origin, fact in explained.facts],
        # Windows' messages have lines of their own: one line of words is read more easily than escapes.
        events=[shown(_one_line(event)) for event in explained.events],
        consequences=list(map(shown, explained.consequences)),
    )


def _one_line(event: Event) -> Event:
    return msgspec.structs.replace(event, reason=" ".join(event.reason.split())) if event.reason else event


def _head(finding: Finding, title: str, now_ms: int) -> Panel:
    text = Text()
    text.append(f" {finding.severity.value} ", style=SEVERITY_STYLE[finding.severity])
    text.append(f"  {title}\n", style="bold")
    text.append(f"{finding.summary}\n")
    text.append(finding.state.value, style=STATE_STYLE[finding.state])
    if finding.state is FindingState.RESOLVED and finding.resolved_at:
        text.append(f" {since(finding.resolved_at, now_ms)} ago")
    else:
        text.append(f" for {since(finding.opened_at, now_ms)}")
    text.append(f" · {finding.detection} · {finding.id}\n", style="dim")
    text.append(f"tenant {finding.tenant}" + (f" · forest {finding.forest}" if finding.forest else ""), style="dim")
    return Panel(text, border_style=SEVERITY_STYLE[finding.severity].replace("bold white on ", ""))


_CONSEQUENCES_NAMED = 20


def _consequences(consequences: list[Finding]) -> Iterator[Text]:
    for each in consequences[:_CONSEQUENCES_NAMED]:
        yield Text(f"{each.state.value} · {each.detection} · {each.id} · {each.summary}")
    if len(consequences) > _CONSEQUENCES_NAMED:
        yield Text(f"and {len(consequences) - _CONSEQUENCES_NAMED:,} more", style="dim")


def _section(title: str, body: RenderableType) -> RenderableType:
    return Group(Text(), Text(title, style="bold underline"), Padding(body, (0, 0, 0, 2)))


def _holders(finding: Finding) -> Iterator[RenderableType]:
    for holder in sorted(finding.counterparts, key=lambda holder: (holder.side, holder.role or "", holder.id)):
        line = Text()
        line.append(f"{_SIDES.get(holder.side, holder.side)} {holder.kind}  ", style="cyan")
        line.append(name_of(holder), style="bold")
        if holder.role:
            line.append("  → ")
            line.append(role_words(holder.role), style=_ROLE_STYLES.get(holder.role, ""))
        yield line
        details = {
            "claims it by": ", ".join(holder.attributes),
            "DN": holder.distinguished_name,
            "UPN": holder.user_principal_name,
            "anchor": holder.source_anchor,
            "object id": holder.id,
            "forest": holder.forest,
        }
        yield Padding(_pairs({name: value for name, value in details.items() if value}), (0, 0, 0, 2))


def _pairs(pairs: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name.replace("_", " "), in_words(value))
    return table
