"""The questions of pages and API, answered from the history in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from litestar.di import NamedDependency
from sqlalchemy import Connection, Engine, RowMapping

from sinks.desk.answers import (
    CommandLine,
    EpisodeDetail,
    EpisodePage,
    EpisodeSummary,
    FindingDetail,
    ObjectAnswer,
    Transition,
    ValueCount,
    Week,
)
from sinks.desk.asked import AGES, opened_within
from sinks.desk.catalogue import Catalogue
from sinks.desk.commands import commands
from sinks.desk.pipeline import Knowledge, PipelineWatch, Timeline, known
from sinks.desk.trends import Compared, Repeated, Resolution, Trends, weeks_of
from sinks.freshness_source import FAILING
from sinks.history import queries
from sinks.history.database import errors
from sinks.history.queries import FindingsQuery
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.finding import FindingState, Severity
from streams.contracts.times import rfc3339
from streams.runtime.clock import now_ms
from streams.runtime.listener import well

_SOME, _MOST_OF_ONE = 20, 100
_MOST_VALUES = 12


@dataclass(frozen=True)
class Reading:
    """Answers from `engine`. not_ready: why the history is not complete; None where it is.

    objects: whether what directories say now may be told: of everybody, as it is not told apart by forest or unit.
    stuck: why a restart would help; None where nothing stands still. watch: None: nobody looks at the pipeline.
    serial: another number whenever the history was written to.
    """

    engine: Engine
    catalogue: Catalogue
    not_ready: Callable[[], str | None]
    stuck: Callable[[], str | None] = well
    watch: PipelineWatch | None = None
    serial: Callable[[], int] = lambda: 0
    objects: bool = True

    def knowledge(self) -> Knowledge:
        """How fresh everything is that an answer rests upon, the history included."""
        behind = self.not_ready()
        try:
            failing = self._failing()
        except RetriableError as error:  # a page of an error has a head, too
            behind, failing = behind or str(error), []
        found = self.watch.knowledge(failing) if self.watch is not None else known(None, "", failing, 0)
        return replace(found, faults=[behind, *found.faults]) if behind else found

    def _failing(self) -> list[str]:
        """What our own findings say of views that cannot be evaluated."""
        with errors(), self.engine.connect() as connection:
            page = queries.page(connection, FindingsQuery(detection=(FAILING,), state=("open", "suppressed")), limit=20)
        return [row["summary"] for row in page.episodes]

    def page(self, question: FindingsQuery, cursor: str | None, limit: int) -> EpisodePage:
        """Some episodes. Raises InvalidRecordError for a wrong cursor, RetriableError where the database is away."""
        with errors(), self.engine.connect() as connection:
            found = queries.page(connection, question, cursor=cursor, limit=limit)
        summaries = self._summaries(found.episodes)
        faults = self.knowledge().faults
        return EpisodePage(episodes=summaries, cursor=found.cursor, complete=not faults, faults=list(faults))

    def counts(self, question: FindingsQuery, by: str) -> list[ValueCount]:
        """How many of each value of a facet."""
        with errors(), self.engine.connect() as connection:
            return [ValueCount(value, number) for value, number in queries.counts(connection, question, by)]

    def finding(self, name: str) -> FindingDetail | None:
        """A finding by its id; None where the history has none."""
        with errors(), self.engine.connect() as connection:
            rows = queries.episodes_of(connection, name)
            if not rows:
                return None
            episodes = [self._detail(connection, row) for row in rows]
            related = [row for row in queries.related(connection, rows[0]["id"]) if row["cause"] != name]
            explained = FindingsQuery(cause=(name,), state=("open", "suppressed"))
            consequences = queries.page(connection, explained, limit=_SOME)
        record = episodes[0].record
        lines = commands(record, self.catalogue.runbook(record.detection) or "") if record is not None else []
        return FindingDetail(
            finding=name,
            episodes=episodes,
            commands=[CommandLine(line=each.line, unfilled=list(each.unfilled)) for each in lines],
            consequences=self._summaries(consequences.episodes),
            related=self._summaries(related),
        )

    def causes(self) -> list[tuple[EpisodeSummary, int]]:
        """What explains others away or would (tenant-wide), with how many it explains now; the most first."""
        with errors(), self.engine.connect() as connection:
            numbers = dict(queries.causes(connection, FindingsQuery()))
            standing = (queries.episodes_of(connection, cause) for cause in list(numbers)[:_MOST_OF_ONE])
            found = [rows[0] for rows in standing if rows]
            wide = tuple(each.id for each in self.catalogue.detections.values() if each.tenant_wide)
            if wide:
                open_ = FindingsQuery(detection=wide, state=("open", "suppressed"))
                found += queries.page(connection, open_, limit=_MOST_OF_ONE).episodes
        once = {row["finding"]: row for row in found}.values()
        return [(each, numbers.get(each.finding, 0)) for each in self._summaries(once)]

    def timeline(self, name: str) -> Timeline | None:
        """What directories and logs said of a finding's objects; None where the history has no record of it.

        Raises RetriableError where Kafka cannot be read.
        """
        detail = self.finding(name)
        record = detail.episodes[0].record if detail is not None else None
        if record is None:
            return None
        return self.watch.timeline(record) if self.watch is not None else Timeline(entries=[])

    def whoever(self, name: str) -> ObjectAnswer:
        """Whoever goes by a name, in both directories and in the history.

        Raises InvalidRecordError for a name that is none, RetriableError where Kafka or the database is away.
        """
        presences = self.watch.present(name) if self.watch is not None and self.objects else []
        page = self.named(name, [side.id for each in presences for side in each.sides])
        return ObjectAnswer(
            name=name, presences=presences, episodes=page.episodes, complete=page.complete, faults=page.faults
        )

    def named(self, name: str, ids: Sequence[str] = ()) -> EpisodePage:
        """Every finding that objects with these ids, or `name` as one, had a part in; else those with its words."""
        if not name.strip():
            raise InvalidRecordError("value", "there is no name to look for")
        page = self.page(FindingsQuery(objects=(*ids, name, name.lower())), None, _MOST_OF_ONE)
        return page if page.episodes else self.page(FindingsQuery(words=name), None, _MOST_OF_ONE)

    def _summaries(self, rows: Iterable[RowMapping]) -> list[EpisodeSummary]:
        return [EpisodeSummary.of(row, self.catalogue.title(row["detection"])) for row in rows]

    def _detail(self, connection: Connection, row: RowMapping) -> EpisodeDetail:
        steps = [
            Transition(
                at=rfc3339(step["at_ms"]),
                state=FindingState(step["state"]),
                severity=Severity(step["severity"]),
                summary=step["summary"],
            )
            for step in queries.transitions_of(connection, row["id"])
        ]
        try:
            record = queries.document_of(connection, row["id"])
        except InvalidRecordError:  # of a later version
            record = None
        summary = EpisodeSummary.of(row, self.catalogue.title(row["detection"]))
        return EpisodeDetail(episode=summary, steps=steps, record=record)

    def ages(self, question: FindingsQuery) -> list[ValueCount]:
        """How many of each age (of AGES)."""
        at_ms = now_ms()
        bounds = [opened_within(age, at_ms) for age in AGES]
        with errors(), self.engine.connect() as connection:
            numbers = queries.counts_within(connection, question, bounds)
        return [ValueCount(age, number) for age, number in zip(AGES, numbers, strict=True) if number]

    def weeks(self, question: FindingsQuery, of: str, by: str) -> list[Week]:
        """How many were opened or resolved in each week."""
        with errors(), self.engine.connect() as connection:
            found = queries.weeks(connection, question, of=of, by=by)
        return [Week(rfc3339(monday), value, number) for monday, value, number in found]

    def trends(self, question: FindingsQuery, by: str) -> Trends:
        """What opened, was resolved and stood, by a facet; how long it took, how old it is, what came again.

        `question` names no state: all of them are counted.
        """
        standing = replace(question, state=("open", "suppressed"))
        with errors(), self.engine.connect() as connection:
            opened = queries.weeks(connection, question, of="opened_ms", by=by)
            resolved = queries.weeks(connection, question, of="resolved_ms", by=by)
            durations = queries.durations(connection, question, by)
            repeated = queries.repeated(connection, question)
        this = queries.monday_of(now_ms())
        came, went = _by_value(opened), _by_value(resolved)
        most = sorted(came, key=lambda value: -sum(came[value].values()))[:_MOST_VALUES]
        return Trends(
            by=by,
            weeks=weeks_of(_summed(came), _summed(went), this),
            values={value: weeks_of(came[value], went.get(value, {}), this) for value in most},
            resolution=[
                Resolution(value=value, resolved=number, p50_seconds=_seconds(each, 50), p90_seconds=_seconds(each, 90))
                for value, number, each in durations
            ],
            ageing={each.value or "": each.count for each in self.ages(standing)},
            repeated=[
                Repeated(
                    finding=row["finding"], detection=row["detection"], name=row["name"], episodes=row["episodes"]
                )
                for row in repeated
            ],
        )

    def compared(self, question: FindingsQuery, by: str, first_ms: int, second_ms: int) -> list[Compared]:
        """How many of each value of a facet stood at two times, what grew most first."""
        with errors(), self.engine.connect() as connection:
            before = dict(queries.standing(connection, question, first_ms, by))
            after = dict(queries.standing(connection, question, second_ms, by))
        rows = [
            Compared(value=value, first=before.get(value, 0), second=after.get(value, 0))
            for value in before.keys() | after.keys()
        ]
        return sorted(rows, key=lambda row: (row.first - row.second, row.value or ""))

    def everything(self, question: FindingsQuery, most: int) -> list[EpisodeSummary]:
        """The episodes asked for, `most` at most, the newest first."""
        found: list[EpisodeSummary] = []
        cursor: str | None = None
        with errors(), self.engine.connect() as connection:
            while len(found) < most:
                page = queries.page(connection, question, cursor=cursor, limit=min(queries.MOST, most - len(found)))
                found += self._summaries(page.episodes)
                cursor = page.cursor
                if cursor is None:
                    break
        return found


def _by_value(rows: Iterable[tuple[int, str | None, int]]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for monday, value, number in rows:
        found.setdefault(value or "(none)", {})[monday] = number
    return found


def _summed(values: Mapping[str, Mapping[int, int]]) -> dict[int, int]:
    found: Counter[int] = Counter()
    for each in values.values():
        found.update(each)
    return found


def _seconds(lengths: Mapping[int, int], share: int) -> float | None:
    return lengths[share] / 1000 if share in lengths else None

Answers = NamedDependency[Reading]
"""How a handler asks for the reading of its application."""
