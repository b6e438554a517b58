"""The pages, made on the server: they need no JavaScript, and every link is one that can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template
from markdown_it import MarkdownIt
from markupsafe import Markup

from sinks.desk.acting import Actors
from sinks.desk.actions import me
from sinks.desk.answers import EpisodeDetail
from sinks.desk.asked import asked, moment
from sinks.desk.catalogue import Catalogue
from sinks.desk.pipeline import TimelineEntry
from sinks.desk.portal import object_link
from sinks.desk.reading import Answers, Reading
from sinks.desk.tables import EPISODES, MOST_ROWS, WEEKS, as_csv, as_xlsx, episode_rows, week_rows
from sinks.desk.trends import WEEK_MS, chart
from sinks.history.queries import FindingsQuery
from sinks.roles import role_words
from streams.contracts.errors import InvalidRecordError
from streams.contracts.times import age, rfc3339
from streams.runtime.clock import now_ms

_FACETS = {
    "severity": "Severity", "family": "Family", "detection": "Detection", "forest": "Forest",
    "unit": "Organisational unit", "tenant": "Tenant", "age": "Age",
    "attention": "Looked after", "owner": "Owner",
}  # fmt: skip
_MOST_VALUES = 12
_DAY_MS = 86_400_000
_SIDES = {"ad": "Active Directory", "entra": "Entra ID"}
_STATES = ("open", "suppressed", "resolved")
_OPEN = ("state", "open")
_MARKDOWN = MarkdownIt("js-default")  # takes no HTML

Asked = Request[Any, Any, Any]
Given = list[tuple[str, str]]


@get("/", sync_to_thread=True)
def now(request: Asked, reading: Answers, cursor: FromQuery[str | None] = None) -> Template:
    """What is wrong now, to be narrowed by facets and words."""
    given = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor" and pair[1]]
    shown = given if any(name == "state" for name, _ in given) else [*given, _OPEN]
    question = asked(shown, reading.catalogue)
    page = reading.page(question, cursor, 50)
    stateless = [pair for pair in given if pair[0] != "state"]
    return _template(
        "now.html",
        reading,
        page=page,
        facets=[_facet(reading, given, shown, name) for name in _FACETS],
        given=given,
        words=question.words,
        here=f"/?{urlencode(list(request.query_params.multi_items()))}",
        query=urlencode(given),
        trend_query=urlencode(stateless),
        shown_query=urlencode(shown),
        suppressed=0 if page.episodes else _how_many(reading, "suppressed"),
        following=f"/?{urlencode([*given, ('cursor', page.cursor)])}" if page.cursor else None,
        states=[(state, _toggled(stateless, "state", state), state in question.state) for state in _STATES],
    )


def _how_many(reading: Reading, state: str) -> int:
    return sum(each.count for each in reading.counts(FindingsQuery(state=(state,)), "state"))


def _facet(reading: Reading, given: Given, shown: Given, name: str) -> dict[str, Any]:
    """The values of a facet, counted as if it were not chosen: another of them can be."""
    question = asked([pair for pair in shown if pair[0] != name], reading.catalogue)
    values = [
        {
            "value": each.value,
            "count": each.count,
            "chosen": (name, each.value) in given,
            "href": _toggled(given, name, each.value),
        }
        for each in (reading.ages(question) if name == "age" else reading.counts(question, name))
        if each.value is not None
    ]
    if name == "tenant" and len(values) < 2:
        values = []
    return {"name": _FACETS[name], "values": values[:_MOST_VALUES], "more": max(0, len(values) - _MOST_VALUES)}


@get("/f/{name:str}", sync_to_thread=True)
def finding(request: Asked, name: FromPath[str], reading: Answers, acting: Actors) -> Template:
    """One finding: who is involved, what to do, what became of it."""
    detail = reading.finding(name)
    if detail is None:
        raise NotFoundException("the history has no such finding: it may have expired, or the id is wrong")
    detection = detail.episodes[0].episode.detection
    html = _rendered(reading, detection, below=2)
    latest = detail.episodes[0]
    sides = [(title, _holders(reading, latest, side)) for side, title in _SIDES.items()]
    return _template(
        "finding.html",
        reading,
        detail=detail,
        latest=latest,
        sides=[side for side in sides if side[1]],
        runbook=html,
        done=acting.done(name),
        me=me(request),
    )


def _holders(reading: Reading, latest: EpisodeDetail, side: str) -> list[dict[str, Any]]:
    """Who of a side takes part, with the role in words and the page of Microsoft's admin centre."""
    record = latest.record
    holders = [each for each in record.counterparts if each.side == side] if record is not None else []
    portal = reading.catalogue.portals.get(latest.episode.tenant) if side == "entra" else None
    return [
        {
            "holder": each,
            "role": role_words(each.role),
            "portal": object_link(portal, latest.episode.tenant, each.kind, each.id),
        }
        for each in sorted(holders, key=lambda holder: (holder.role or "", holder.id))
    ]


@get("/f/{name:str}/timeline", sync_to_thread=True)
def timeline(name: FromPath[str], reading: Answers) -> Template:
    """How a finding came about: its steps, and what directories and logs said of those involved."""
    detail, timeline = reading.finding(name), reading.timeline(name)
    if detail is None or timeline is None:
        raise NotFoundException("the history has no record of such a finding")
    steps = [
        TimelineEntry(at=step.at, who=step.state.value, about="", words=step.summary)
        for episode in detail.episodes
        for step in episode.steps
    ]
    entries = sorted([*steps, *timeline.entries], key=lambda each: each.at)
    latest, notes = detail.episodes[0], timeline.notes
    return _template("timeline.html", reading, detail=detail, latest=latest, entries=entries, notes=notes)


@get("/o/{name:path}", sync_to_thread=True)
def directory_object(name: FromPath[str], reading: Answers) -> Template:
    """Every finding that an object ever had a part in, by any of its names; how it is now stands at /present."""
    name = name.removeprefix("/")
    return _template("object.html", reading, name=name, episodes=reading.named(name).episodes)


@get("/present/{name:path}", sync_to_thread=True)
def present(name: FromPath[str], reading: Answers) -> Template:
    """The same with what both directories say now: it reads Kafka, which takes its time."""
    answer = reading.whoever(name.removeprefix("/"))
    portals = {
        side.id: object_link(reading.catalogue.portals.get(side.tenant), side.tenant, side.kind, side.id)
        for each in answer.presences
        for side in each.sides
        if side.side == "entra"
    }
    return _template("present.html", reading, answer=answer, name=answer.name, portals=portals, sides=_SIDES)


@get("/trends", sync_to_thread=True)
def trends(request: Asked, reading: Answers) -> Template:
    """What opened, what was resolved and what stood, week by week; how long it took; what came again; two dates."""
    given = [pair for pair in request.query_params.multi_items() if pair[1]]
    question, by, (first, second) = trend_question(given, reading.catalogue)
    found = reading.trends(question, by)
    dates = (first or rfc3339(now_ms() - WEEK_MS)[:10], second or rfc3339(now_ms())[:10])
    # Of each day how it ended: of today, how it is now.
    bounds = [moment(each, name) + _DAY_MS - 1 for each, name in zip(dates, ("first", "second"), strict=True)]
    return _template(
        "trends.html",
        reading,
        trends=found,
        chart=chart(found.weeks),
        bys=TREND_FACETS,
        given=[pair for pair in given if pair[0] not in ("by", "first", "second")],
        query=urlencode(given),
        dates=dates,
        compared=reading.compared(question, by, bounds[0], bounds[1]),
    )


@get("/export/{name:str}", sync_to_thread=True)
def export(name: FromPath[str], request: Asked, reading: Answers) -> Response[bytes]:
    """For a spreadsheet, as .csv or .xlsx: `findings` of a list, the newest MOST_ROWS; `trends`, a row each week."""
    what, _, form = name.rpartition(".")
    if form not in _TYPES or what not in ("findings", "trends"):
        raise NotFoundException("there are findings and trends, as .csv and .xlsx")
    given = [pair for pair in request.query_params.multi_items() if pair[1]]
    columns: Sequence[str]
    if what == "trends":
        question, by, _ = trend_question(given, reading.catalogue)
        columns, rows = WEEKS, week_rows(reading.trends(question, by))
    else:
        shown = given if any(name == "state" for name, _ in given) else [*given, _OPEN]
        columns, rows = EPISODES, episode_rows(reading.everything(asked(shown, reading.catalogue), MOST_ROWS))
    body = as_csv(columns, rows) if form == "csv" else as_xlsx(columns, rows)
    headers = {"Content-Disposition": f'attachment; filename="synchealth-{name}"'}
    return Response(body, media_type=_TYPES[form], headers=headers)


def trend_question(given: Given, catalogue: Catalogue) -> tuple[FindingsQuery, str, tuple[str, str]]:
    """The question, the facet to count by, and the two dates to compare ("": unset). Raises InvalidRecordError."""
    question = asked(given, catalogue, also=("by", "first", "second", "state"))
    own = {name: value for name, value in given if name in ("by", "first", "second")}
    by = own.get("by", "family")
    if by not in TREND_FACETS:
        raise InvalidRecordError("value", f"trends are not told by {by!r}, but by {', '.join(TREND_FACETS)}")
    return question, by, (own.get("first", ""), own.get("second", ""))


TREND_FACETS = {name: words for name, words in _FACETS.items() if name != "age"}
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


_FORECASTS = {
    "Deletions": FindingsQuery(detection=(
        "engine.mass_deletion_forecast", "engine.scope_shrink", "engine.deletion_threshold_reached",
    )),
    "Quarantines": FindingsQuery(role=("would_be_quarantined",)),
    "Refusals": FindingsQuery(role=("would_fail_to_export", "left_out")),
    "Takeovers": FindingsQuery(role=("taken_over", "takes_over")),
    "Another server exports": FindingsQuery(detection=("engine.staging_takeover",)),
}  # fmt: skip
"""What the next export would do -> the findings that say so."""


@get("/next", sync_to_thread=True)
def next_export(reading: Answers) -> Template:
    """What the next export does unless somebody acts before it, and when it is due."""
    sections = [
        (title, reading.page(replace(question, state=("open", "suppressed")), None, 50).episodes)
        for title, question in _FORECASTS.items()
    ]
    cycles = reading.watch.cycles if reading.watch is not None else {}
    at_ms = now_ms()
    due = [
        {"tenant": tenant, "last": rfc3339(each.last_ms), "due": rfc3339(each.due_ms),
         "apart": age(abs(each.due_ms - at_ms) / 1000), "late": each.due_ms < at_ms}
        for tenant, each in sorted(cycles.items())
    ]  # fmt: skip
    return _template("next.html", reading, sections=sections, due=due)


@get("/causes", sync_to_thread=True)
def causes(reading: Answers) -> Template:
    """What explains others away, with how many."""
    return _template("causes.html", reading, causes=reading.causes())


@get("/detections", sync_to_thread=True)
def detections(reading: Answers) -> Template:
    """Every detection, with what is open of it."""
    counts = {each.value: each.count for each in reading.counts(FindingsQuery(state=("open",)), "detection")}
    return _template("detections.html", reading, counts=counts, detections=reading.catalogue.detections.values())


@get("/sources", sync_to_thread=True)
def sources(reading: Answers) -> Template:
    """How fresh every source is, and what `synchealth check` says."""
    watch = reading.watch
    checked = watch.checked if watch is not None else ()
    looked_ms = watch.checked_ms if watch is not None else None
    looked_at = rfc3339(looked_ms) if looked_ms is not None else None
    ordered = sorted(checked, key=lambda each: ("fault", "gap", "ok").index(each.mark))
    return _template("sources.html", reading, checked=ordered, looked_at=looked_at)


@get("/runbooks/{name:path}", sync_to_thread=True)
def runbook(name: FromPath[str], reading: Answers) -> Template:
    """A runbook, by a detection's id or an alert's name."""
    html = _rendered(reading, name.strip("/"))
    if html is None:
        raise NotFoundException(f"there is no runbook {name.strip('/')!r}")
    return _template("runbook.html", reading, name=name.strip("/"), runbook=html)


@get("/f", sync_to_thread=False)
def no_finding() -> Redirect:
    """The list."""
    return Redirect("/")


PAGES = [
    now, finding, timeline, directory_object, present, trends, export, next_export, causes, detections, sources,
    runbook, no_finding,
]  # fmt: skip


def _rendered(reading: Reading, name: str, *, below: int = 0) -> Markup | None:
    """A runbook as HTML; below: the level of the heading that it stands under."""
    text = reading.catalogue.runbook(name)
    if text is None:
        return None
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + below)}"
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(html)  # noqa: S704 - ours, and without HTML


def _toggled(given: Given, name: str, value: str | None) -> str:
    """The list with a value of a facet added, or taken away where it is chosen."""
    pair = (name, value or "")
    following = [each for each in given if each != pair] if pair in given else [*given, pair]
    return f"/?{urlencode(following)}" if following else "/"


def _template(template: str, reading: Reading, **context: object) -> Template:
    return Template(template, context={"catalogue": reading.catalogue, **context})
