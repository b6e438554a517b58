"""Doing something with findings, by forms that need no JavaScript and by the API; and the audit of what was done."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

from litestar import Request, Router, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import Cookie
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Redirect, Template

from sinks.actions.wanted import Wanted
from sinks.desk.access import Person, Role
from sinks.desk.acting import MOST_AT_ONCE, Actors, By
from sinks.desk.answers import AuditPage, BulkDone, Done
from sinks.desk.asked import asked
from sinks.desk.reading import Answers
from streams.contracts.actions import Channel
from streams.contracts.codec import convert
from streams.contracts.errors import InvalidRecordError

_NAME_COOKIE = "synchealth_name"
OPERATORS, ADMINISTRATORS = {"role": Role.OPERATOR}, {"role": Role.ADMINISTRATOR}
_YEAR_S = 365 * 86400
Asked = Request[Any, Any, Any]


class BulkWanted(Wanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deed for all that a question names; expected: how many somebody saw that they are."""

    expected: int


class Me(NamedTuple):
    """Whoever asks, for forms. who: the name, as it is known or was said last time."""

    who: str
    signed_in: bool
    may_act: bool


def me(request: Asked) -> Me:
    """Whoever asks."""
    person: Person = request.scope["user"]
    if person.known_by != "word":
        return Me(person.name, True, person.role >= Role.OPERATOR)
    return Me(unquote(request.cookies.get(_NAME_COOKIE, ""))[:256], False, True)


def by_of(request: Asked, wanted: Wanted, channel: Channel) -> By:
    """Who asks. Raises InvalidRecordError where nobody is signed in and nobody says who it is."""
    address = request.client.host if request.client is not None else ""
    person: Person = request.scope["user"]
    if person.known_by != "word":
        return By(person.name, person.known_by, channel, address)
    who = wanted.who.strip()
    if not who:
        raise InvalidRecordError("value", "who are you? Your name is missing")
    return By(who, "word", channel, address)


async def _form(request: Asked) -> dict[str, str]:
    form = await request.form()
    return {name: value for name, value in form.items() if name != "_csrf_token" and isinstance(value, str)}


def _redirect(path: str, by: By) -> Redirect:
    """To a page that shows it; who it was is remembered for the next form."""
    cookie = Cookie(key=_NAME_COOKIE, value=quote(by.who), max_age=_YEAR_S, httponly=True, samesite="strict")
    return Redirect(path, status_code=303, cookies=[cookie])


@post("/f/{name:str}/actions", status_code=303, opt=OPERATORS)
async def act(request: Asked, name: FromPath[str], acting: Actors) -> Redirect:
    """One deed, to one finding."""
    wanted = convert(await _form(request), Wanted)
    by = by_of(request, wanted, "page")
    await sync_to_thread(acting.act, name, wanted, by)
    return _redirect(f"/f/{name}#care", by)


@get("/bulk", sync_to_thread=True, opt=OPERATORS)
def bulk(request: Asked, reading: Answers, acting: Actors) -> Template:
    """All that a question names, before something is done to them."""
    given = [pair for pair in request.query_params.multi_items() if pair[1]]
    question = asked(given, reading.catalogue)
    page = reading.page(question, None, 10)
    found = acting.standing(question)
    context = {
        "given": given, "query": urlencode(given), "how_many": len(found), "most": MOST_AT_ONCE,
        "episodes": [each for each in page.episodes if each.resolved_at is None], "me": me(request),
    }  # fmt: skip
    return Template("bulk.html", context=context)


@post("/bulk", status_code=303, opt=OPERATORS)
async def act_on_all(request: Asked, reading: Answers, acting: Actors) -> Redirect:
    """One deed, to all of them."""
    given = [pair for pair in request.query_params.multi_items() if pair[1]]
    form: dict[str, Any] = await _form(request)
    expected = form.pop("expected", "")
    if not (expected.isascii() and expected.isdigit() and len(expected) < 9):
        raise InvalidRecordError("value", "expected is no number")
    wanted = convert(form, Wanted)
    by = by_of(request, wanted, "page")
    await sync_to_thread(acting.act_on_all, asked(given, reading.catalogue), wanted, by, int(expected))
    return _redirect(f"/?{urlencode(given)}", by)


@get("/audit", sync_to_thread=True, opt=ADMINISTRATORS)
def audit(acting: Actors, cursor: FromQuery[str | None] = None, who: FromQuery[str] = "") -> Template:
    """What people did: who, when, from where."""
    page = acting.audit(cursor, who)
    following = f"/audit?{urlencode({'cursor': page.cursor, 'who': who})}" if page.cursor else None
    return Template("audit.html", context={"page": page, "following": following, "who": who})


@get("/findings/{name:str}/actions", sync_to_thread=True, summary="What people did with a finding")
def list_actions(name: FromPath[str], reading: Answers, acting: Actors) -> list[Done]:
    """In the order of time, ends of acceptances included."""
    if reading.finding(name) is None:
        raise NotFoundException(f"no finding {name!r} in the history")
    return acting.done(name)


@post(
    "/findings/{name:str}/actions", opt=OPERATORS,
    summary="Acknowledge, assign, comment, accept, reopen, link a ticket",
)  # fmt: skip
async def act_by_api(request: Asked, name: FromPath[str], data: JSONBody[Wanted], acting: Actors) -> Done:
    """To its latest episode, unless `opened_at` names another. The same `id` again is the same action."""
    return Done.of(await sync_to_thread(acting.act, name, data, by_of(request, data, "api")))


@post("/actions", opt=OPERATORS, summary="The same to every standing finding that the filters name")
async def act_on_all_by_api(request: Asked, data: JSONBody[BulkWanted], reading: Answers, acting: Actors) -> BulkDone:
    """Filters as for findings, in the query; refused where they are not as many as `expected`."""
    question = asked(request.query_params.multi_items(), reading.catalogue)
    wanted = convert({each: getattr(data, each) for each in Wanted.__struct_fields__}, Wanted)
    by = by_of(request, data, "api")
    return BulkDone(findings=await sync_to_thread(acting.act_on_all, question, wanted, by, data.expected))


@get(
    "/actions", sync_to_thread=True, opt=ADMINISTRATORS,
    summary="What people did with whatever finding, the latest first",
)  # fmt: skip
def read_audit(
    acting: Actors,
    cursor: FromQuery[str | None] = None,
    who: Annotated[str, QueryParameter(max_length=256)] = "",
) -> AuditPage:
    """The audit."""
    return acting.audit(cursor, who)


ACTION_PAGES = [act, bulk, act_on_all, audit]
ACTIONS_API = Router("/api/v1", route_handlers=[list_actions, act_by_api, act_on_all_by_api, read_audit])
