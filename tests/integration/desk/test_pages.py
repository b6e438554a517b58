"""Pages and API of the desk over a history in SQLite."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from deploy.generate.licences import VENDORED
from deploy.generate.lock import ROOT
from sinks.desk.catalogue import Catalogue, Described, ScrapeTargets
from sinks.desk.live import changes
from sinks.desk.pipeline import Checked, LastSync, PipelineWatch, Timeline, TimelineEntry
from sinks.desk.presence import Presence, Present, Waiting
from sinks.desk.reading import Reading
from sinks.freshness import Freshness, SourceFreshness
from sinks.history.database import open_database
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.errors import RetriableError
from streams.contracts.finding import FindingState, Holder, Severity, Subject
from streams.contracts.times import rfc3339
from streams.contracts.topics import FINDINGS
from streams.runtime.clock import now_ms
from streams.runtime.topic_reader import ReaderProgress
from tests.support.desk import client_of, watch_of, whole
from tests.support.findings import FOREST, TENANT, finding

AT = 1_790_000_000_000
HOSTILE = "<script>alert(1)</script>\x1b[31m‮{{7*7}}"
DUPLICATE = Described(
    "conflict.duplicate_address", "conflict", Severity.HIGH, "Two objects, one address", "# Meaning\n\n<b>bold</b> `x`"
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    """Three findings: one with names that mean harm, one that is over, one of a unit."""
    engine = open_database("", tmp_path_factory.mktemp("history"))
    sink = HistorySink(engine)
    for number, name in enumerate((HOSTILE, "Jana Novak", "Karl Berg")):
        over = number == 1
        record = msgspec.structs.replace(
            finding(number), detection=DUPLICATE.id, family=DUPLICATE.family, severity=Severity.HIGH,
            state=FindingState.RESOLVED if over else FindingState.OPEN,
            subject=Subject(
                kind="user", key=f"user/{number}", display_name=name, object_guid=f"guid-{number}",
                distinguished_name=f"CN=x,OU={name if number == 0 else 'Sales'},DC=contoso,DC=com",
            ),
            summary=f"{name} is there twice", evidence={"address": name, "list": [name]},
            counterparts=[Holder(side="entra", kind="user", id=f"entra-{number}", display_name=name, role=name)],
            opened_at=rfc3339(AT), observed_at=rfc3339(AT), updated_at=rfc3339(AT + number),
            resolved_at=rfc3339(AT + number) if over else None, revision=1,
        )  # fmt: skip
        sink.add(record, Meta(FINDINGS.name, 0, number, AT, live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    watch = watch_of(checks=CHECKS, timeline=TOLD, present=[PRESENT])
    reading = Reading(engine, Catalogue([DUPLICATE]), lambda: None, watch=watch)
    with client_of(reading) as client:
        yield client
    engine.dispose()


CHECKS = [
    Checked("kafka", "ok", "all topics are there"),
    Checked(HOSTILE, "fault", HOSTILE, HOSTILE),
]
PRESENT = Presence(
    name=HOSTILE,
    sides=[
        Present(
            side=side, kind=HOSTILE, id="guid-0", name=HOSTILE, tenant=HOSTILE, forest=HOSTILE, alive=False,
            changed_at=rfc3339(AT), outside=HOSTILE, attributes={HOSTILE: HOSTILE},
        )
        for side in ("ad", "entra")
    ],
    waiting=[Waiting(attribute=HOSTILE, wanted=HOSTILE, found=HOSTILE, since=rfc3339(AT))],
    standing=HOSTILE, next_export=[HOSTILE], last_sync_at=rfc3339(AT),
)  # fmt: skip
TOLD = Timeline(
    entries=[TimelineEntry(at=rfc3339(AT + 5), who=HOSTILE, about=HOSTILE, words=f"first\n{HOSTILE}", failed=True)],
    notes=[HOSTILE],
)
OUR_SCRIPTS = {
    f'<script src="/static/vendor/{name}" defer>' for name in ("htmx-2.0.4.min.js", "htmx-ext-sse-2.2.2.js")
}
IN_A_LINK = quote(HOSTILE, safe="")
PAGES = ["/", "/?state=resolved", f"/f/{finding(0).id}", f"/f/{finding(1).id}", "/o/guid-1",
         f"/f/{finding(0).id}/timeline", "/o/nobody", "/present/nobody", f"/present/{IN_A_LINK}", "/o/%20",
         "/trends", "/trends?by=unit&first=2026-09-01&second=2026-12-01", f"/trends?by={IN_A_LINK}",
         f"/trends?first={IN_A_LINK}",
         "/detections", "/sources", "/next", "/causes",
         "/runbooks/conflict.duplicate_address", "/?words=nothing", f"/?words={IN_A_LINK}",
         f"/?unit={IN_A_LINK}", f"/o/{IN_A_LINK}", f"/f/{IN_A_LINK}", f"/runbooks/{IN_A_LINK}", f"/?state={IN_A_LINK}",
         f"/?{IN_A_LINK}=1", f"/{IN_A_LINK}"]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_no_name_is_ever_markup(desk: TestClient[Litestar], path: str) -> None:
    answer = desk.get(path)
    assert answer.status_code < 500
    assert answer.headers["content-type"].startswith("text/html")
    assert set(re.findall("<script[^>]*>", answer.text)) <= OUR_SCRIPTS
    assert " onerror" not in answer.text
    assert "\x1b" not in answer.text
    assert "‮" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_now_lists_what_stands_and_narrows_it(desk: TestClient[Litestar]) -> None:
    page = desk.get("/").text
    assert "Karl Berg" in page
    assert "Jana Novak" not in page
    assert "Jana Novak" in desk.get("/?state=resolved").text
    assert "Karl Berg" not in desk.get("/?words=jana&state=open&state=resolved").text


def test_a_finding_tells_who_what_and_its_runbook(desk: TestClient[Litestar]) -> None:
    page = desk.get(f"/f/{finding(2).id}").text
    told = ("Two objects, one address: Karl Berg", "Entra ID", "What became of it", "<h3>Meaning</h3>", "&lt;b&gt;")
    for text in told:
        assert text in page


def test_a_finding_leads_to_the_objects_its_commands_and_its_relatives(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    sink = HistorySink(engine)
    cause, follows = finding(1), finding(2, cause=finding(1).id, state="suppressed")
    shares = finding(3, counterparts=finding(1).counterparts, state="resolved", summary="an earlier one")
    for number, each in enumerate((cause, follows, shares)):
        sink.add(each, Meta(FINDINGS.name, 0, number, AT, live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    book = "# R\n\nRun `Get-Recipient -Filter \"EmailAddresses -eq 'ADDRESS'\"` now"
    catalogue = Catalogue([replace(DUPLICATE, runbook=book)], portals={TENANT: "https://entra.microsoft.com"})
    with client_of(Reading(engine, catalogue, lambda: None, watch=watch_of())) as client:
        page = client.get(f"/f/{cause.id}").text
        entra = f"https://entra.microsoft.com/{TENANT}/#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade"
        guid = cause.counterparts[1].id
        assert f'{entra}/~/overview/userId/{guid}"' in page
        assert f"Get-MgUser -UserId {guid} | Format-List *" in page
        assert "EmailAddresses -eq &#39;ada1@contoso.com&#39;" in page
        assert f'href="/f/{follows.id}"' in page.partition("What follows from it")[2]
        assert f'href="/f/{shares.id}"' in page.partition("Other findings of those")[2]
        assert f'href="/f/{cause.id}"' in client.get(f"/f/{follows.id}").text
        listed = client.get("/api/v1/findings", params={"cause": cause.id}).json()
        assert [each["finding"] for each in listed["episodes"]] == [follows.id]
    engine.dispose()


def test_what_the_next_export_does_and_what_explains_others(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    sink = HistorySink(engine)
    roles = [msgspec.structs.replace(holder, role="would_be_quarantined") for holder in finding(1).counterparts]
    cause = finding(3, detection="engine.sync_stopped", summary="no cycle since noon")
    who = Subject(kind="user", key="user/1", object_guid=roles[0].id)  # who loses it is whom it is about
    loses = finding(1, counterparts=roles, summary="ada1 would lose it", subject=who)
    explained = finding(4, cause=cause.id)
    told = (loses, cause, msgspec.structs.replace(explained, state=FindingState.SUPPRESSED))
    for number, each in enumerate(told):
        sink.add(each, Meta(FINDINGS.name, 0, number, AT, live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    due = LastSync(now_ms() - 60_000, now_ms() + 3_600_000)
    wide = replace(DUPLICATE, id="engine.bulk_change", family="engine", tenant_wide=True)
    reading = Reading(engine, Catalogue([DUPLICATE, wide]), lambda: None, watch=watch_of(cycles={TENANT: due}))
    with client_of(reading) as client:
        page = client.get("/next").text
        assert "due in 60 min" in page or "due in 59 min" in page
        assert "ada1 would lose it" in page.partition("Quarantines")[2].partition("Refusals")[0]
        page = client.get("/causes").text
        assert "no cycle since noon" in page
        assert "1 findings</a>" in page
    engine.dispose()


def test_prometheus_and_readers_of_findings_are_told_their_forms(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    targets = [ScrapeTargets(["127.0.0.1:9464"], {"job": "synchealth-exporter", "process": "sinks"})]
    with client_of(Reading(engine, Catalogue([], targets=targets), lambda: None)) as client:
        told = client.get("/api/v1/targets")
        assert told.headers["content-type"] == "application/json"
        assert told.json() == [
            {"targets": ["127.0.0.1:9464"], "labels": {"job": "synchealth-exporter", "process": "sinks"}}
        ]
        schema = client.get("/api/v1/finding.schema.json").json()
        assert "summary" in schema["$defs"]["Finding"]["required"]
        described = client.get("/api/v1/schema/openapi.json").json()
        assert described["openapi"].startswith("3.1")
    engine.dispose()


async def test_a_change_is_told_and_so_is_that_time_passes() -> None:
    serial = iter([7, 7, 8, *[8] * 100])
    told = changes(lambda: next(serial), look_s=0)
    first, second, third = [await anext(told) for _ in range(3)]
    assert [(each.event, each.data) for each in (first, second, third)] == [
        ("hello", "7"), ("changed", "8"), ("changed", "8"),
    ]  # fmt: skip


def test_what_others_wrote_is_as_they_wrote_it() -> None:
    for file, (_, _, _, digest) in VENDORED.items():
        assert hashlib.sha256((ROOT / file).read_bytes()).hexdigest() == digest
    kept = {str(each.relative_to(ROOT)) for each in (ROOT / "sinks/desk/static/vendor").iterdir()}
    assert kept == set(VENDORED)


def test_the_timeline_has_steps_and_what_was_said_in_order(desk: TestClient[Litestar]) -> None:
    page = desk.get(f"/f/{finding(0).id}/timeline").text
    assert page.index(">open<") < page.index("first")
    assert desk.get(f"/api/v1/findings/{finding(0).id}/timeline").json()["said"][0]["failed"] is True
    assert desk.get("/api/v1/findings/nothing/timeline").status_code == 404


def test_an_object_has_both_sides_and_every_finding_it_ever_had(desk: TestClient[Litestar]) -> None:
    answer = desk.get("/api/v1/objects/CN=x,OU=Sales/West,DC=contoso").json()
    assert answer["name"] == "CN=x,OU=Sales/West,DC=contoso"
    assert [side["side"] for side in answer["presences"][0]["sides"]] == ["ad", "entra"]
    assert [each["finding"] for each in answer["episodes"]] == [finding(0).id]
    assert "Jana Novak" in desk.get("/o/jana").text
    assert desk.get("/api/v1/objects/%20").status_code == 400


def test_a_spreadsheet_runs_nothing_of_a_strangers_name(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    sink = HistorySink(engine)
    said = finding(1, summary="=HYPERLINK(1)", subject=Subject(kind="user", key="k", display_name="@SUM(1)"))
    sink.add(said, Meta(FINDINGS.name, 0, 0, AT, live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    with client_of(Reading(engine, Catalogue([DUPLICATE]), lambda: None, watch=watch_of())) as client:
        answer = client.get("/export/findings.csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="synchealth-findings.csv"'
        (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        assert (row["finding"], row["summary"], row["name"]) == (said.id, "'=HYPERLINK(1)", "'@SUM(1)")
        sheet = client.get("/export/findings.xlsx?family=conflict").content
        with zipfile.ZipFile(io.BytesIO(sheet)) as book:
            cells = book.read("xl/worksheets/sheet1.xml").decode()
            assert "=HYPERLINK(1)" in book.read("xl/sharedStrings.xml").decode()
        assert "<f>" not in cells
        assert "hyperlink" not in cells
        weeks = csv.DictReader(io.StringIO(client.get("/export/trends.csv?by=forest").content.decode("utf-8-sig")))
        assert {row["value"] for row in weeks} == {"(all)", FOREST}
    engine.dispose()


def test_trends_tell_what_opened_what_stood_and_how_long_it_took(desk: TestClient[Litestar]) -> None:
    found = desk.get("/api/v1/trends?by=severity").json()
    assert (found["weeks"][0]["opened"], found["weeks"][0]["resolved"], found["weeks"][0]["standing"]) == (3, 1, 2)
    assert found["resolution"] == [{"value": "high", "resolved": 1, "p50_seconds": 0.001, "p90_seconds": 0.001}]
    assert sum(found["ageing"].values()) == 2
    compared = desk.get("/api/v1/standing?by=family&first=2026-09-01&second=2026-12-01").json()
    assert compared == [{"value": "conflict", "first": 0, "second": 2}]
    page = desk.get("/trends?first=2026-09-01&second=2026-12-01").text
    assert 'data-name="change">+2<' in page
    assert desk.get("/api/v1/standing?first=x&second=y").status_code == 400
    assert desk.get("/trends?by=age").status_code == 400


def test_ages_are_a_facet(desk: TestClient[Litestar]) -> None:
    old = desk.get(
        "/?age=over+a+month&age=a+week+to+a+month&age=a+day+to+a+week&age=an+hour+to+a+day&age=under+an+hour"
    )
    assert "Karl Berg" in old.text
    assert desk.get("/?age=yesterday").status_code == 400


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("famly=conflict", "did you mean family?"),
        ("family=confict", "did you mean conflict?"),
        ("state=opened", "did you mean open?"),
        ("severity=hi", "no severity"),
        ("detection=x", "no detection"),
        ("since=yesterday", "is no date"),
        ("cursor=x", "cursor"),
        (f"words={'x' * 500}", "longer"),
    ],
)
def test_a_typing_error_is_an_error(desk: TestClient[Litestar], query: str, hint: str) -> None:
    for path in ("/", "/api/v1/findings"):
        answer = desk.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert hint in answer.text.replace("&#39;", "'")


def test_the_api_answers_and_describes_itself(desk: TestClient[Litestar]) -> None:
    listed = desk.get("/api/v1/findings?state=open&limit=1").json()
    assert [each["finding"] for each in listed["episodes"]] == [finding(2).id]
    assert listed["complete"] is True
    following = desk.get("/api/v1/findings", params={"state": "open", "limit": 1, "cursor": listed["cursor"]}).json()
    assert [each["finding"] for each in following["episodes"]] == [finding(0).id]
    detail = desk.get(f"/api/v1/findings/{finding(1).id}").json()
    assert detail["episodes"][0]["record"]["state"] == "resolved"
    assert desk.get("/api/v1/counts/state").json() == [{"value": "open", "count": 2}, {"value": "resolved", "count": 1}]
    assert desk.get("/api/v1/weeks").json()[0]["count"] == 3
    assert desk.get("/api/v1/findings/none").headers["content-type"] == "application/problem+json"
    schema = desk.get("/api/v1/schema/openapi.json").json()
    assert set(schema["paths"]) == {
        "/api/v1/findings", "/api/v1/findings/{name}", "/api/v1/counts/{by}", "/api/v1/weeks",
        "/api/v1/freshness", "/api/v1/events", "/api/v1/targets", "/api/v1/finding.schema.json",
        "/api/v1/trends", "/api/v1/standing", "/api/v1/findings/{name}/timeline",
        "/api/v1/objects/{name}", "/api/v1/findings/{name}/actions", "/api/v1/actions",
    }  # fmt: skip


def test_a_name_of_elsewhere_reaches_nothing(desk: TestClient[Litestar]) -> None:
    """DNS rebinding: a page on the internet whose name leads to the loopback address."""
    for name in ("evil.example", "evil.example:9480", "127.0.0.1.evil.example", "[", "", "127.0.0.1@evil.example"):
        assert desk.get("/", headers={"Host": name}).status_code == 400
    for name in ("127.0.0.1:9480", "localhost:1", "[::1]:9480"):
        assert desk.get("/", headers={"Host": name}).status_code == 200


def broken() -> Freshness:
    raise RetriableError(f"Kafka does not answer: {HOSTILE}")


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        (None, "is being read"),
        (watch_of(broken), "Kafka does not answer"),
        (watch_of(lambda: replace(whole(), sources=[])), "no source has ever been read"),
        (watch_of(lambda: replace(whole(), at_ms=AT)), "last read"),
        (watch_of(lambda: replace(whole(), letters=3)), "3 records of the last hour"),
        (watch_of(lambda: replace(whole("ad/a"), sources=[SourceFreshness("ad/a", 1.0, None)])), "ad/a has never been"),
    ],
)
def test_an_empty_page_is_no_all_clear(watch: PipelineWatch | None, said: str, tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    with client_of(Reading(engine, Catalogue([DUPLICATE]), lambda: None, watch=watch)) as client:
        for path in ("/", "/trends", "/sources", "/o/nobody", "/present/nobody", f"/present/{IN_A_LINK}", "/o/%20",
         "/f/nothing"):
            page = client.get(path).text
            assert "Not everything is known" in page
            assert said in page
        assert "both directories agree" not in client.get("/").text
        answer = client.get("/api/v1/freshness").json()
        assert not answer["complete"]
        assert any(said in fault for fault in answer["faults"])
        assert client.get("/api/v1/findings").json()["complete"] is False
    engine.dispose()


def test_what_was_not_looked_at_lately_says_nothing_of_the_workers() -> None:
    assert watch_of(lambda: replace(whole(), at_ms=AT)).knowledge().workers == "how far the workers are is not known"
    assert watch_of().knowledge().workers == "workers have caught up"


def test_a_list_cuts_a_name_without_end_and_the_page_has_it_whole(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    sink = HistorySink(engine)
    said = finding(1, summary="x" * 3_000)
    sink.add(said, Meta(FINDINGS.name, 0, 0, AT, live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    with client_of(Reading(engine, Catalogue([DUPLICATE]), lambda: None, watch=watch_of())) as client:
        assert "x" * 200 not in client.get("/").text
        assert "x" * 3_000 in client.get(f"/f/{said.id}").text
    engine.dispose()


def test_where_all_is_known_an_empty_page_is_an_all_clear_but_not_where_a_filter_left_nothing(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    with client_of(Reading(engine, Catalogue([DUPLICATE]), lambda: None, watch=watch_of())) as client:
        page = client.get("/").text
        assert "both directories agree" in page
        assert "Not everything is known" not in page
        assert "ad/corp.contoso.local" in page
        assert "both directories agree" not in client.get("/?family=conflict").text
    engine.dispose()


def test_what_cannot_be_evaluated_is_said_on_every_page(desk: TestClient[Litestar], tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    sink = HistorySink(engine)
    said = msgspec.structs.replace(finding(1), detection="engine.view_failing", summary="a view fails")
    sink.add(said, Meta(FINDINGS.name, 0, 0, AT, live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    with client_of(Reading(engine, Catalogue([DUPLICATE]), lambda: None, watch=watch_of())) as client:
        assert "<li>a view fails</li>" in client.get("/trends").text
    engine.dispose()


def test_the_page_of_the_sources_says_what_check_says(desk: TestClient[Litestar]) -> None:
    page = desk.get("/sources").text
    assert page.index('mark fault">fault') < page.index("all topics are there")


def test_who_stands_still_is_not_healthy(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    with client_of(Reading(engine, Catalogue([DUPLICATE]), lambda: None, lambda: "stands still")) as client:
        answer = client.get("/-/healthy")
    assert (answer.status_code, answer.text) == (503, "stands still\n")
    engine.dispose()


def test_who_is_blind_says_so(tmp_path: Path) -> None:
    engine = open_database("", tmp_path)
    reading = Reading(engine, Catalogue([DUPLICATE]), lambda: "the findings topic is still being read")
    with client_of(reading) as client:
        page = client.get("/").text
        assert "Not everything is known" in page
        assert "No finding stands" not in page
        assert client.get("/-/ready").status_code == 503
        assert client.get("/-/healthy").status_code == 200
        assert client.get("/api/v1/findings").json()["complete"] is False
    engine.dispose()
