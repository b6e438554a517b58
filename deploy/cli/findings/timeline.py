"""How a finding came about, for the terminal: its transitions, and what directories and logs say of its objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.cli.findings.events import EVENT_RECORDS
from deploy.cli.findings.source import FACT_RECORDS, ExplainedFinding
from deploy.cli.findings.table import name_of, since
from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import Fact, Operation, Origin
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import rfc3339
from streams.contracts.words import in_words

_STYLES = {
    "opened": "bold red", "resolved": "green", "suppressed": "dim italic", "updated": "yellow", "export failed": "red",
    "exported": "green",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One transition, fact or event. at: RFC 3339; what: who says it, or what became; about: whose it is, if said."""

    at: str
    what: str
    words: str
    about: str = ""
    failed: bool = False


def timeline(explained: ExplainedFinding, now_ms: int) -> RenderableType:
    """One row per transition, fact and event, the oldest first."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows(explained):
        style = _STYLES.get(row.what, "red" if row.failed else "cyan")
        words = Text.assemble((row.about, "bold"), "\n" if row.about and row.words else "", row.words)
        table.add_row(
            row.at[:19].replace("T", " "), f"{since(row.at, now_ms)} ago", Text(row.what, style=style), words
        )
    left_out = [Text(note, "dim") for note in notes(explained)]
    return Group(table, *left_out) if left_out else table


def rows(explained: ExplainedFinding) -> list[TimelineRow]:
    """Transitions, facts and events, the oldest first."""
    return sorted([*_steps(explained.history), *_facts(explained), *_events(explained)], key=lambda row: row.at)


def notes(explained: ExplainedFinding) -> list[str]:
    """What was not looked for."""
    bounds = [("facts", explained.facts_are_all, FACT_RECORDS), ("events", explained.events_are_all, EVENT_RECORDS)]
    return [
        f"Older {what} were not looked for (only {most:,} records per partition)"
        for what, are_all, most in bounds
        if not are_all
    ]


def _steps(history: list[Finding]) -> Iterator[TimelineRow]:
    """What the finding's records say; where compaction took the earlier ones, its opening all the same."""
    before: Finding | None = None
    if history and (history[0].state is not FindingState.OPEN or history[0].updated_at != history[0].opened_at):
        yield TimelineRow(history[0].opened_at, "opened", "finding")
    for step in history:
        word = "opened" if step.state is FindingState.OPEN else step.state.value
        words = "finding" if word == "resolved" else step.summary
        if before is not None and before.state is step.state:
            word, words = "updated", difference(before, step)
        before = step
        yield TimelineRow(step.updated_at, word, words)


def difference(before: Finding, after: Finding) -> str:
    """What an update changed, in words."""
    changes = [after.summary] if after.summary != before.summary else []
    if after.severity is not before.severity:
        changes.append(f"severity {before.severity.value} → {after.severity.value}")
    for name in sorted(before.evidence.keys() | after.evidence.keys()):
        was, now = before.evidence.get(name), after.evidence.get(name)
        if was != now:
            changes.append(f"{name.replace('_', ' ')} {in_words(was)} → {in_words(now)}")
    was_held = {(holder.forest, holder.id): holder for holder in before.counterparts}
    now_held = {(holder.forest, holder.id): holder for holder in after.counterparts}
    changes += [f"{name_of(holder)} takes part" for id_, holder in now_held.items() if id_ not in was_held]
    changes += [f"{name_of(holder)} no longer takes part" for id_, holder in was_held.items() if id_ not in now_held]
    for id_ in was_held.keys() & now_held.keys():
        if was_held[id_].role != now_held[id_].role:
            roles = [(holder.role or "no role").replace("_", " ") for holder in (was_held[id_], now_held[id_])]
            changes.append(f"{name_of(now_held[id_])}: {roles[0]} → {roles[1]}")
    return "\n".join(changes) or "details of the objects changed"


def _facts(explained: ExplainedFinding) -> Iterator[TimelineRow]:
    names = {(holder.forest, holder.id): name_of(holder) for holder in explained.finding.counterparts}
    contested = {name for holder in explained.finding.counterparts for name in holder.attributes}
    for origin, fact in explained.facts:
        if fact.op is Operation.LOGGED:
            continue  # told as an event
        about = names.get((origin.forest, fact.object_id), fact.object_id)
        at = rfc3339(fact.changed_ms or fact.ts_ms)
        yield TimelineRow(at, _source(origin, fact), _change(fact, contested), about)


def _source(origin: Origin, fact: Fact) -> str:
    words = {"r": "read", "c": "created", "u": "changed", "d": "deleted", "restore": "restored"}
    return f"{origin.side} {words[fact.op.value]}"


def _change(fact: Fact, contested: set[str]) -> str:
    """The contested attributes with their values; of the others only the names."""
    lines = []
    for name in sorted(contested & fact.attributes.keys()):
        value = fact.attributes[name]
        lines.append(f"{name} {'removed' if value is None else in_words(value)}")
    # The DN comes with every fact of AD: it is news only where nothing else is.
    others = sorted((fact.attributes.keys() | fact.links.keys()) - contested - {"distinguishedName"})
    if fact.full:
        lines.append(f"and {len(others)} other attributes")
    elif others:
        lines.append(f"also {', '.join(others)}")
    elif not contested & fact.attributes.keys() and "distinguishedName" in fact.attributes:
        lines.append(f"stands at {fact.attributes['distinguishedName']}")
    return "\n".join(lines)


_LOGS = {Log.AUDIT: "entra audit", Log.PROVISIONING: "provisioning", Log.SIGN_IN: "sign-in"}


def _events(explained: ExplainedFinding) -> Iterator[TimelineRow]:
    """What logs say: an export of a sync server by that word, anything else with its result and its own reason."""
    names = {holder.id: name_of(holder) for holder in explained.finding.counterparts}
    for event in explained.events:
        failed = event.result is Result.FAILURE
        server = event.details.get("sync_server")
        what = ("export failed" if failed else "exported") if server else event.server or _LOGS.get(event.log, "log")
        about = names.get(event.entra_id or "") or names.get(event.object_guid or "") or event.user_principal_name
        text = _text_of(event, str(server) if server else None)
        yield TimelineRow(rfc3339(event.ts_ms), what, text, about or "", failed)


def _text_of(event: Event, server: str | None) -> str:
    text = event.name
    if event.result is not None:
        text += f": {event.result.value}"
    if server or event.initiator:
        text += f", by {server or event.initiator}"
    return f"{text}\n{event.reason}" if event.reason else text
