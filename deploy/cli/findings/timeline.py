"""How a finding came about, for the terminal: its transitions, and what directories and logs say of its objects."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.cli.findings.events import EVENT_RECORDS
from deploy.cli.findings.source import FACT_RECORDS, Explained
from deploy.cli.findings.table import in_words, name_of, since
from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import Fact, Operation, Origin
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import rfc3339

_TRANSITION_STYLE = {"opened": "bold red", "resolved": "green", "suppressed": "dim italic", "updated": "yellow"}


def timeline(explained: Explained, now_ms: int) -> RenderableType:
    """One row per transition, fact and event, the oldest first."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows = [*_steps(explained.history), *_facts(explained), *_events(explained)]
    for moment, what, words in sorted(rows, key=lambda row: row[0]):
        table.add_row(moment[:19].replace("T", " "), f"{since(moment, now_ms)} ago", what, words)
    bounds = [("facts", explained.facts_are_all, FACT_RECORDS), ("events", explained.events_are_all, EVENT_RECORDS)]
    left_out = [
        Text(f"Older {what} were not looked for (only {most:,} records per partition)", "dim")
        for what, are_all, most in bounds
        if not are_all
    ]
    return Group(table, *left_out) if left_out else table


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


def _facts(explained: Explained) -> Iterator[tuple[str, Text, Text]]:
    names = {(holder.forest, holder.id): name_of(holder) for holder in explained.finding.counterparts}
    contested = {name for holder in explained.finding.counterparts for name in holder.attributes}
    for origin, fact in explained.facts:
        if fact.op is Operation.LOGGED:
            continue  # told as an event
        text = Text()
        text.append(names.get((origin.forest, fact.object_id), fact.object_id), style="bold")
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
        text.append("removed" if value is None else in_words(value))
    # The DN comes with every fact of AD: it is news only where nothing else is.
    others = sorted((fact.attributes.keys() | fact.links.keys()) - contested - {"distinguishedName"})
    if fact.full:
        text.append(f"\nand {len(others)} other attributes", style="dim")
    elif others:
        text.append(f"\nalso {', '.join(others)}", style="dim")
    elif not contested & fact.attributes.keys() and "distinguishedName" in fact.attributes:
        text.append(f"\nstands at {fact.attributes['distinguishedName']}", style="dim")
    return text


_LOGS = {Log.AUDIT: "entra audit", Log.PROVISIONING: "provisioning", Log.SIGN_IN: "sign-in"}


def _events(explained: Explained) -> Iterator[tuple[str, Text, Text]]:
    """What logs say: an export of a sync server by that word, anything else with its result and its own reason."""
    names = {holder.id: name_of(holder) for holder in explained.finding.counterparts}
    for event in explained.events:
        failed = event.result is Result.FAILURE
        server = event.details.get("sync_server")
        if server:
            what = Text("export failed" if failed else "exported", style="red" if failed else "green")
        else:
            what = Text(event.server or _LOGS.get(event.log, "log"), style="red" if failed else "magenta")
        text = Text()
        about = names.get(event.entra_id or "") or names.get(event.object_guid or "") or event.user_principal_name
        if about:
            text.append(f"{about}\n", style="bold")
        text.append(_said(event, str(server) if server else None))
        yield rfc3339(event.ts_ms), what, text


def _said(event: Event, server: str | None) -> str:
    words = event.name
    if event.result is not None:
        words += f": {event.result.value}"
    if server or event.initiator:
        words += f", by {server or event.initiator}"
    return f"{words}\n{event.reason}" if event.reason else words
