"""`/api/v1`: findings, one finding, counts and weeks, for machines; described by OpenAPI at /api/v1/schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, QueryParameter

from sinks.desk.answers import EpisodePage, FindingDetail, FreshnessAnswer, ObjectAnswer, SourceState, ValueCount, Week
from sinks.desk.asked import asked, moment
from sinks.desk.catalogue import ScrapeTargets
from sinks.desk.live import events
from sinks.desk.pipeline import Timeline
from sinks.desk.reading import Answers
from sinks.desk.trends import Compared, Trends
from sinks.history.queries import MOST
from streams.contracts.finding import Finding

TrendFacet = Literal["severity", "family", "detection", "tenant", "forest", "unit"]
Facet = Literal["severity", "family", "detection", "tenant", "forest", "unit", "state"]


@get("/findings", sync_to_thread=True, summary="Episodes of findings, the newest first")
def list_findings(
    request: Request[Any, Any, Any],
    reading: Answers,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MOST)] = 50,
) -> EpisodePage:
    """Filters: words, state, severity, family, detection, tenant, forest, unit, object, since, until."""
    question = asked(request.query_params.multi_items(), reading.catalogue, also=("cursor", "limit"))
    return reading.page(question, cursor, limit)


@get("/findings/{name:str}", sync_to_thread=True, summary="A finding with all its episodes")
def read_finding(name: FromPath[str], reading: Answers) -> FindingDetail:
    """By its id."""
    found = reading.finding(name)
    if found is None:
        raise NotFoundException(f"no finding {name!r} in the history")
    return found


@get("/findings/{name:str}/timeline", sync_to_thread=True, summary="What directories and logs said of those involved")
def read_timeline(name: FromPath[str], reading: Answers) -> Timeline:
    """Reads Kafka: it may take seconds."""
    found = reading.timeline(name)
    if found is None:
        raise NotFoundException(f"no record of a finding {name!r} in the history")
    return found


@get("/objects/{name:path}", sync_to_thread=True, summary="Whoever goes by a name, in both directories and the history")
def read_object(name: FromPath[str], reading: Answers) -> ObjectAnswer:
    """By UPN, any address, DN, objectGUID, Entra id, SID, anchor, account or device name. Reads Kafka: for seconds."""
    return reading.whoever(name.removeprefix("/"))


@get("/counts/{by:str}", sync_to_thread=True, summary="How many episodes of each value of a facet")
def read_counts(request: Request[Any, Any, Any], by: FromPath[Facet], reading: Answers) -> list[ValueCount]:
    """Filters as for findings."""
    return reading.counts(asked(request.query_params.multi_items(), reading.catalogue), by)


@get("/weeks", sync_to_thread=True, summary="How many were opened or resolved in each week")
def read_weeks(
    request: Request[Any, Any, Any],
    reading: Answers,
    of: FromQuery[Literal["opened", "resolved"]] = "opened",
    by: FromQuery[Facet] = "family",
) -> list[Week]:
    """Filters as for findings."""
    question = asked(request.query_params.multi_items(), reading.catalogue, also=("of", "by"))
    return reading.weeks(question, f"{of}_ms", by)


@get("/trends", sync_to_thread=True, summary="Opened, resolved and standing by week; times to resolve; what came again")
def read_trends(
    request: Request[Any, Any, Any], reading: Answers, by: FromQuery[TrendFacet] = "family"
) -> Trends:
    """Filters as for findings; states are not asked for."""
    return reading.trends(asked(request.query_params.multi_items(), reading.catalogue, also=("by",)), by)


@get("/standing", sync_to_thread=True, summary="How many stood at two times")
def read_standing(
    request: Request[Any, Any, Any],
    reading: Answers,
    first: FromQuery[str],
    second: FromQuery[str],
    by: FromQuery[TrendFacet] = "family",
) -> list[Compared]:
    """first, second: dates, as in 2026-11-30 (0:00 UTC), or RFC 3339 times. Filters as for findings."""
    question = asked(request.query_params.multi_items(), reading.catalogue, also=("by", "first", "second"))
    return reading.compared(question, by, moment(first, "first"), moment(second, "second"))


@get("/freshness", sync_to_thread=True, summary="How fresh the answers are, and why nothing found may say nothing")
def read_how_fresh(reading: Answers) -> FreshnessAnswer:
    """As it stands on every page."""
    found = reading.knowledge()
    sources = [SourceState(name=each.name, last_contact=each.ago, fault=each.fault) for each in found.sources]
    return FreshnessAnswer(
        complete=not found.faults, faults=list(found.faults), sources=sources, workers=found.workers
    )


@get("/targets", sync_to_thread=False, summary="What Prometheus is to scrape (http_sd_configs)")
def read_targets(reading: Answers) -> list[ScrapeTargets]:
    """The processes of this installation, as `synchealth prometheus-config` writes them."""
    return reading.catalogue.targets


@get("/finding.schema.json", sync_to_thread=False, summary="The JSON Schema of a finding, as its topic carries it")
def read_finding_schema() -> dict[str, Any]:
    """Made from the contract."""
    return msgspec.json.schema(Finding)


API = Router(
    "/api/v1",
    route_handlers=[
        list_findings, read_finding, read_timeline, read_object, read_counts, read_weeks, read_trends, read_standing,
        read_how_fresh, events, read_targets, read_finding_schema,
    ],
)  # fmt: skip
