"""The questions of pages and API, answered from the history in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from litestar.di import NamedDependency
from sqlalchemy import Connection, Engine, RowMapping

from sinks.desk.answers import Count, EpisodeDetail, EpisodePage, EpisodeSummary, FindingDetail, Step, Week
from sinks.desk.catalogue import Catalogue
from sinks.desk.pipeline import Knowledge, PipelineWatch, known
from sinks.freshness_source import FAILING
from sinks.history import queries
from sinks.history.database import errors
from sinks.history.queries import Question
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.finding import FindingState, Severity
from streams.contracts.times import rfc3339
from streams.runtime.listener import well


@dataclass(frozen=True)
class Reading:
    """Answers from `engine`. not_ready: why the history is not complete; None where it is.

    stuck: why a restart would help; None where nothing stands still. watch: None: nobody looks at the pipeline.
    """

    engine: Engine
    catalogue: Catalogue
    not_ready: Callable[[], str | None]
    stuck: Callable[[], str | None] = well
    watch: PipelineWatch | None = None

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
            page = queries.page(connection, Question(detection=(FAILING,), state=("open", "suppressed")), limit=20)
        return [row["summary"] for row in page.episodes]

    def page(self, question: Question, cursor: str | None, limit: int) -> EpisodePage:
        """Some episodes. Raises InvalidRecordError for a wrong cursor, RetriableError where the database is away."""
        with errors(), self.engine.connect() as connection:
            found = queries.page(connection, question, cursor=cursor, limit=limit)
        summaries = [EpisodeSummary.of(row, self.catalogue.title(row["detection"])) for row in found.episodes]
        faults = self.knowledge().faults
        return EpisodePage(episodes=summaries, cursor=found.cursor, complete=not faults, faults=list(faults))

    def counts(self, question: Question, by: str) -> list[Count]:
        """How many of each value of a facet."""
        with errors(), self.engine.connect() as connection:
            return [Count(value, number) for value, number in queries.counts(connection, question, by)]

    def finding(self, name: str) -> FindingDetail | None:
        """A finding by its id; None where the history has none."""
        with errors(), self.engine.connect() as connection:
            rows = queries.episodes_of(connection, name)
            if not rows:
                return None
            return FindingDetail(finding=name, episodes=[self._detail(connection, row) for row in rows])

    def _detail(self, connection: Connection, row: RowMapping) -> EpisodeDetail:
        steps = [
            Step(
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

    def weeks(self, question: Question, of: str, by: str) -> list[Week]:
        """How many were opened or resolved in each week."""
        with errors(), self.engine.connect() as connection:
            found = queries.weeks(connection, question, of=of, by=by)
        return [Week(rfc3339(monday), value, number) for monday, value, number in found]


Answers = NamedDependency[Reading]
"""How a handler asks for the reading of its application."""
