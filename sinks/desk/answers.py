"""What the API answers: msgspec structs, so that they are the schema. Times are RFC 3339 UTC."""

from __future__ import annotations

from typing import Any, Self

import msgspec

from sinks.desk.presence import Presence
from streams.contracts.finding import Finding, FindingState, Severity
from streams.contracts.times import rfc3339


class EpisodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of a finding. `unit`: DN of the container that its subject stands in."""

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

    @classmethod
    def of(cls, row: Any, title: str) -> Self:
        """From a row of the history."""
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
        )


class EpisodePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some episodes, the newest first. `cursor` asks for those after them; None at the end.

    complete: whether everything is known: where it is False (`faults` say why), what is missing says nothing.
    """

    episodes: list[EpisodeSummary]
    cursor: str | None
    complete: bool
    faults: list[str]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A transition of an episode."""

    at: str
    state: FindingState
    severity: Severity
    summary: str


class EpisodeDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An episode with its steps, and its latest record unless that has expired."""

    episode: EpisodeSummary
    steps: list[Step]
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


class Count(msgspec.Struct, frozen=True):
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
    heard: str
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
