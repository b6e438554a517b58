"""What the API answers: msgspec structs, so that they are the schema. Times are RFC 3339 UTC."""

from __future__ import annotations

from typing import Any, Self

import msgspec

from sinks.actions.fold import AcceptanceEnded, Attention
from sinks.desk.presence import Presence
from streams.contracts.actions import Action
from streams.contracts.finding import Finding, FindingState, Severity
from streams.contracts.times import rfc3339
from streams.runtime.clock import now_ms


class EpisodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of a finding. `unit`: DN of the container that its subject stands in.

    attention: who looks after it; owner: whose it is; accepted_until: when it needs somebody again by itself.
    """

    finding: str
    detection: str
    title: str
    family: str
    severity: Severity
    state: FindingState
    tenant: str
    forest: str | None
    unit: str | None
    name: str
    summary: str
    cause: str | None
    opened_at: str
    updated_at: str
    resolved_at: str | None
    attention: Attention
    owner: str | None
    accepted_until: str | None

    @classmethod
    def of(cls, row: Any, title: str) -> Self:
        """From a row of the history."""
        until_ms = row["accepted_until_ms"]
        run_out = until_ms is not None and until_ms <= now_ms()
        return cls(
            finding=row["finding"],
            detection=row["detection"],
            title=title,
            family=row["family"],
            severity=Severity(row["severity"]),
            state=FindingState(row["state"]),
            tenant=row["tenant"],
            forest=row["forest"],
            unit=row["unit"],
            name=row["name"],
            summary=row["summary"],
            cause=row["cause"],
            opened_at=rfc3339(row["opened_ms"]),
            updated_at=rfc3339(row["updated_ms"]),
            resolved_at=None if row["resolved_ms"] is None else rfc3339(row["resolved_ms"]),
            attention=Attention.UNATTENDED if run_out else Attention(row["attention"]),
            owner=None if run_out else row["owner"],
            accepted_until=rfc3339(until_ms) if until_ms is not None and not run_out else None,
        )


class EpisodePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some episodes, the newest first. `cursor` asks for those after them; None at the end.

    complete: whether everything is known: where it is False (`faults` say why), what is missing says nothing.
    """

    episodes: list[EpisodeSummary]
    cursor: str | None
    complete: bool
    faults: list[str]


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A transition of an episode."""

    at: str
    state: FindingState
    severity: Severity
    summary: str


class EpisodeDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An episode with its steps, and its latest record unless that has expired."""

    episode: EpisodeSummary
    steps: list[Transition]
    record: Finding | None


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """A command to copy. unfilled: placeholders to be filled in by hand."""

    line: str
    unfilled: list[str]


class FindingDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with all its episodes, the newest first.

    commands: to be copied, with what the finding knows filled in. consequences: what it explains away, some of them;
    related: other findings of the objects that take part, some of them, those that stand first.
    """

    finding: str
    episodes: list[EpisodeDetail]
    commands: list[CommandLine]
    consequences: list[EpisodeSummary]
    related: list[EpisodeSummary]


class ValueCount(msgspec.Struct, frozen=True):
    """How many of one value; `value` None: of those that have none."""

    value: str | None
    count: int


class Week(msgspec.Struct, frozen=True):
    """How many of one value in the week that begins on this Monday, 0:00 UTC."""

    monday: str
    value: str | None
    count: int


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh one source is, in words. fault: null where it follows the other side."""

    name: str
    last_contact: str = msgspec.field(name="heard")
    fault: str | None


class FreshnessAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh every answer of the desk is. faults: why "nothing found" says nothing; empty: it does."""

    complete: bool
    faults: list[str]
    sources: list[SourceState]
    workers: str


class ObjectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever goes by a name: what both directories say now, and every finding that one of them had a part in.

    complete, faults: as of EpisodePage.
    """

    name: str
    presences: list[Presence]
    episodes: list[EpisodeSummary]
    complete: bool
    faults: list[str]


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody did with an episode of a finding: when, who, known how, from where.

    do, and what belongs to it: as it was asked for (sinks.actions.wanted). An end of an acceptance that nobody said
    has do "ended", and nobody did it.
    """

    id: str
    finding: str
    opened_at: str
    at: str
    do: str
    who: str = ""
    known_by: str = ""
    channel: str = ""
    address: str = ""
    owner: str | None = None
    text: str = ""
    until: str = ""
    reason: str = ""
    system: str = ""
    key: str = ""
    url: str = ""

    @classmethod
    def of(cls, action: Action) -> Self:
        """From its record."""
        what = msgspec.to_builtins(action.what)
        if "until_ms" in what:
            what["until"] = rfc3339(what.pop("until_ms"))
        return cls(
            id=action.id, finding=action.finding, opened_at=rfc3339(action.opened_ms), at=rfc3339(action.at_ms),
            who=action.who, known_by=action.known_by, channel=action.channel, address=action.address, **what,
        )  # fmt: skip

    @classmethod
    def ended(cls, end: AcceptanceEnded) -> Self:
        """The end of an acceptance."""
        ending = "with the finding" if end.with_finding else "at its date"
        one = end.accepted
        return cls(
            id=f"{one.id}-end", finding=one.finding, opened_at=rfc3339(one.opened_ms), at=rfc3339(end.at_ms),
            do="ended", text=ending,
        )  # fmt: skip


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """What people did with whatever finding, the latest first. `cursor` asks for what was before; None at the end."""

    done: list[Done]
    cursor: str | None


class BulkDone(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings one deed was done to."""

    findings: int
