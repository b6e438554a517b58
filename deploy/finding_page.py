"""One finding in full for the terminal: who is involved on both sides, what to do, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deploy.findings_source import FACT_RECORDS, Explained
from deploy.findings_table import SEVERITY_STYLE, STATE_STYLE, since
from streams.contracts.facts import Fact, Origin
from streams.contracts.finding import Finding, FindingState, Holder
from streams.contracts.times import rfc3339

_SIDES = {"ad": "Active Directory", "entra": "Entra ID"}
# role -> what it means for the reader, and how it is coloured; a role without words speaks for itself
_ROLES = {
    "keeps": ("keeps it", "green"),
    "likely_keeps": ("likely keeps it", "green"),
    "holds": ("holds it in the cloud", ""),
    "quarantined": ("Entra ID has quarantined it here", "bold red"),
    "would_be_quarantined": ("Entra ID would quarantine it here", "bold yellow"),
    "taken_over": ("would be taken over", "bold yellow"),
    "takes_over": ("would take it over", ""),
    "blocked": ("cannot be matched: its export fails", "bold red"),
    "carries_anchor": ("carries the anchor", "bold yellow"),
    "matched": ("matched by the anchor", "green"),
    "failing": ("a workload cannot provision it", "bold red"),
    "not_synchronised": ("is not synchronised", "bold yellow"),
    "refers": ("refers to it", ""),
    "out_of_scope": ("out of sync scope: claims nothing in the cloud", "dim"),
}
_TRANSITION_STYLE = {"opened": "bold red", "resolved": "green", "suppressed": "dim italic", "updated": "yellow"}
_VALUE_CHARACTERS = 300


def finding_page(explained: Explained, *, title: str, now_ms: int) -> RenderableType:
    """Everything known of a finding; `title` is the detection's."""
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
        evidence["caused by"] = f"finding {finding.cause}"
    if evidence:
        parts.append(_section("Evidence", _pairs(evidence)))
    parts.append(_section("Timeline", _timeline(explained, now_ms)))
    return Group(*parts)


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


def _section(title: str, body: RenderableType) -> RenderableType:
    return Group(Text(), Text(title, style="bold underline"), Padding(body, (0, 0, 0, 2)))


def _holders(finding: Finding) -> Iterator[RenderableType]:
    for holder in sorted(finding.counterparts, key=lambda holder: (holder.side, holder.role or "", holder.id)):
        line = Text()
        line.append(f"{_SIDES.get(holder.side, holder.side)} {holder.kind}  ", style="cyan")
        line.append(_name(holder), style="bold")
        if holder.role:
            words, style = _ROLES.get(holder.role, (holder.role.replace("_", " "), ""))
            line.append("  → ")
            line.append(words, style=style)
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


def _name(holder: Holder) -> str:
    return holder.display_name or holder.user_principal_name or holder.distinguished_name or holder.id


def _pairs(pairs: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name.replace("_", " "), _words(value))
    return table


def _timeline(explained: Explained, now_ms: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows = [*_steps(explained.history), *_facts(explained)]
    for moment, what, words in sorted(rows, key=lambda row: row[0]):
        table.add_row(moment[:19].replace("T", " "), f"{since(moment, now_ms)} ago", what, words)
    if explained.facts_are_all:
        return table
    return Group(table, Text(f"Older facts were not looked for (only {FACT_RECORDS:,} records per partition)", "dim"))


def _steps(history: list[Finding]) -> Iterator[tuple[str, Text, Text]]:
    """What the finding's records say; where compaction took the earlier ones, its opening all the same."""
    before: Finding | None = None
    if history and (history[0].state is not FindingState.OPEN or history[0].updated_at != history[0].opened_at):
        yield history[0].opened_at, Text("opened", _TRANSITION_STYLE["opened"]), Text("finding")
    for step in history:
        word = "opened" if step.state is FindingState.OPEN else step.state.value
        words = "finding" if word == "resolved" else step.summary
        if before is not None and before.state is step.state:
            word, words = "updated", difference(before, step)
        before = step
        yield step.updated_at, Text(word, style=_TRANSITION_STYLE[word]), Text(words)


def difference(before: Finding, after: Finding) -> str:
    """What an update changed, in words."""
    changes = [after.summary] if after.summary != before.summary else []
    if after.severity is not before.severity:
        changes.append(f"severity {before.severity.value} → {after.severity.value}")
    for name in sorted(before.evidence.keys() | after.evidence.keys()):
        was, now = before.evidence.get(name), after.evidence.get(name)
        if was != now:
            changes.append(f"{name.replace('_', ' ')} {_words(was)} → {_words(now)}")
    was_held = {holder.id: holder for holder in before.counterparts}
    now_held = {holder.id: holder for holder in after.counterparts}
    changes += [f"{_name(holder)} takes part" for id_, holder in now_held.items() if id_ not in was_held]
    changes += [f"{_name(holder)} no longer takes part" for id_, holder in was_held.items() if id_ not in now_held]
    for id_ in was_held.keys() & now_held.keys():
        if was_held[id_].role != now_held[id_].role:
            roles = [(holder.role or "no role").replace("_", " ") for holder in (was_held[id_], now_held[id_])]
            changes.append(f"{_name(now_held[id_])}: {roles[0]} → {roles[1]}")
    return "\n".join(changes) or "details of the objects changed"


def _facts(explained: Explained) -> Iterator[tuple[str, Text, Text]]:
    names = {holder.id: _name(holder) for holder in explained.finding.counterparts}
    contested = {name for holder in explained.finding.counterparts for name in holder.attributes}
    for origin, fact in explained.facts:
        text = Text()
        text.append(names.get(fact.object_id, fact.object_id), style="bold")
        text.append_text(_change(fact, contested))
        yield rfc3339(fact.changed_ms or fact.ts_ms), _source(origin, fact), text


def _source(origin: Origin, fact: Fact) -> Text:
    words = {"r": "read", "c": "created", "u": "changed", "d": "deleted", "restore": "restored"}
    return Text(f"{origin.side} {words[fact.op.value]}", style="cyan")


def _change(fact: Fact, contested: set[str]) -> Text:
    """The contested attributes with their values; of the others only the names."""
    text = Text()
    for name in sorted(contested & fact.attributes.keys()):
        text.append(f"\n{name} ", style="dim")
        value = fact.attributes[name]
        text.append("removed" if value is None else _words(value))
    # The DN comes with every fact of AD: it is news only where nothing else is.
    others = sorted((fact.attributes.keys() | fact.links.keys()) - contested - {"distinguishedName"})
    if fact.full:
        text.append(f"\nand {len(others)} other attributes", style="dim")
    elif others:
        text.append(f"\nalso {', '.join(others)}", style="dim")
    elif not contested & fact.attributes.keys() and "distinguishedName" in fact.attributes:
        text.append(f"\nstands at {fact.attributes['distinguishedName']}", style="dim")
    return text


def _words(value: object) -> str:
    if value is None or value == []:
        return "(none)"
    words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= _VALUE_CHARACTERS else f"{words[:_VALUE_CHARACTERS]}…"
