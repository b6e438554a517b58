"""What people do at the desk: by forms, by the API, one by one and in bulk; and who is kept from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient

from sinks.desk.catalogue import Catalogue, Described
from sinks.desk.reading import Reading
from sinks.history.database import open_database
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.contracts.topics import FINDINGS
from streams.runtime.clock import now_ms
from streams.runtime.topic_reader import ReaderProgress
from tests.support.desk import Kept, client_of, watch_of
from tests.support.findings import START_MS, finding
from tests.support.prometheus import until

HOSTILE = "<script>alert(1)</script>\x1b[31m‮{{7*7}}"
DUPLICATE = Described("conflict.duplicate_address", "conflict", Severity.HIGH, "Two objects, one address", "# Meaning")
DAY_MS = 86_400_000


class Desk:
    """A client, what was written, and a person who fills in forms."""

    def __init__(self, client: TestClient[Litestar], writer: Kept) -> None:
        self.client, self.writer = client, writer

    def token(self, path: str = "/f/" + finding(1).id) -> str:
        found = re.search(r'name="_csrf_token" value="([^"]+)"', self.client.get(path).text)
        assert found is not None
        return found[1]

    def fill_in(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> Response:
        form = {"who": "Ada", "_csrf_token": self.token(), **fields}
        return self.client.post(path, data=form, headers=headers or {}, follow_redirects=False)

    def do(self, number: int, **fields: str) -> Response:
        return self.fill_in(f"/f/{finding(number).id}/actions", **fields)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Findings 0 to 4; the last is over."""
    engine = open_database("", tmp_path)
    sink = HistorySink(engine)
    for number in range(5):
        sink.add(finding(number, "resolved" if number == 4 else "open"), Meta(FINDINGS.name, 0, number, START_MS, True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    writer = Kept(engine)
    with client_of(Reading(engine, Catalogue([DUPLICATE]), lambda: None, watch=watch_of()), writer) as client:
        yield Desk(client, writer)
    engine.dispose()


def day(days: int) -> str:
    return rfc3339(now_ms() + days * DAY_MS)[:10]


def test_a_form_does_it_and_the_page_shows_it(desk: Desk) -> None:
    answer = desk.do(1, do="assign", owner="Bob")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/f/{finding(1).id}#care")
    page = desk.client.get(f"/f/{finding(1).id}").text
    assert "<strong>Bob</strong> has it." in page
    assert 'name="who" required maxlength="256" autocomplete="name" value="Ada"' in page, "the name is remembered"
    [written] = desk.writer.written
    assert (written.who, written.known_by, written.channel, written.opened_ms) == ("Ada", "word", "page", START_MS)
    assert written.address == "testclient"
    desk.do(1, do="accept", until=day(30), reason="merger")
    assert "<strong>Accepted</strong> until" in desk.client.get(f"/f/{finding(1).id}").text
    desk.do(1, do="reopen")
    page = desk.client.get(f"/f/{finding(1).id}").text
    assert "Nobody yet." in page
    assert page.index("gave it to") < page.index("accepted it until") < page.index("reopened it")
    desk.do(1, do="link_ticket", system="Jira", key="AD-1", url="https://jira.example/AD-1")
    assert '<a href="https://jira.example/AD-1" rel="noreferrer nofollow">Jira AD-1</a>' in desk.client.get(
        f"/f/{finding(1).id}"
    ).text.replace("\n", "")


def test_now_is_narrowed_by_who_looks_after_it(desk: Desk) -> None:
    desk.do(1, do="assign", owner="Bob")
    desk.do(2, do="accept", until=day(30), reason="merger")
    for query, numbers in (("attention=unattended", [0, 3]), ("owner=Bob", [1]), ("attention=accepted", [2])):
        page = desk.client.get(f"/?{query}").text
        shown = [number for number in range(4) if f"/f/{finding(number).id}" in page]
        assert shown == numbers, query
    listed = desk.client.get("/api/v1/findings?owner=Bob").json()["episodes"][0]
    assert (listed["attention"], listed["owner"], listed["accepted_until"]) == ("assigned", "Bob", None)
    assert desk.client.get("/?attention=unatended").status_code == 400


REFUSED: list[tuple[int, dict[str, str], str]] = [
    (1, {"do": "acknowledge", "who": " "}, "Your name is missing"),
    (1, {"do": "delete"}, "there is no action"),
    (1, {"do": "comment"}, "text is missing"),
    (1, {"do": "accept", "until": "2001-01-01", "reason": "x"}, "has passed"),
    (1, {"do": "accept", "until": "9000-01-01", "reason": "x"}, "more than a year"),
    (1, {"do": "accept", "until": "soon", "reason": "x"}, "is no date"),
    (1, {"do": "link_ticket", "system": "x", "key": "y", "url": "javascript:alert(1)"}, "is no web address"),
    (1, {"do": "link_ticket", "system": "x", "key": "y", "url": "https://a b"}, "wrong shape"),
    (1, {"do": "comment", "text": "x" * 4001}, "wrong shape"),
    (1, {"do": "acknowledge", "who": "x" * 257}, "wrong shape"),
    (1, {"do": "acknowledge", "id": "no/id"}, "wrong shape"),
    (1, {"do": "acknowledge", "surprise": "x"}, "wrong shape"),
    (1, {"do": "acknowledge", "opened_at": "2001-01-01T00:00:00Z"}, "not that episode"),
    (4, {"do": "acknowledge"}, "is over"),
    (9, {"do": "acknowledge"}, "has no finding"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "fields", "hint"), REFUSED, ids=[hint for *_, hint in REFUSED])
def test_what_cannot_be_done_is_refused_in_words(desk: Desk, number: int, fields: dict[str, str], hint: str) -> None:
    answer = desk.do(number, **fields)
    assert answer.status_code == 400
    assert hint in answer.text.replace("&#39;", "'")
    assert desk.writer.written == []


def test_what_is_over_can_still_be_commented(desk: Desk) -> None:
    assert desk.do(4, do="comment", text="it was the migration").status_code == 303


def test_nothing_is_done_for_a_page_of_elsewhere(desk: Desk) -> None:
    path, good = f"/f/{finding(1).id}/actions", {"do": "acknowledge", "who": "Ada"}
    assert desk.client.post(path, data=good).status_code == 403, "no token"
    assert desk.client.post(path, data={**good, "_csrf_token": "x" * 128}).status_code == 403, "no token of ours"
    for headers in (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:8080"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ):  # fmt: skip
        assert desk.fill_in(path, headers=headers, do="acknowledge").status_code == 403
        by_api = desk.client.post(f"/api/v1/findings/{finding(1).id}/actions", json=good, headers=headers)
        assert by_api.status_code == 403
    plain = desk.client.post(
        f"/api/v1/findings/{finding(1).id}/actions", content=b'{"do":"acknowledge","who":"Ada"}',
        headers={"Content-Type": "text/plain"},
    )  # fmt: skip
    assert plain.status_code == 403, "what a form of elsewhere could send"
    assert desk.writer.written == []
    ours = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert desk.fill_in(path, headers=ours, do="acknowledge").status_code == 303


def test_all_that_the_filters_name_are_acted_upon_or_none(desk: Desk) -> None:
    desk.do(3, do="assign", owner="Bob")
    page = desk.client.get("/bulk?state=open&attention=unattended").text
    assert "Act on 3 findings" in page
    path = "/bulk?state=open&attention=unattended"
    assert "look again" in desk.fill_in(path, do="accept", until=day(9), reason="merger", expected="4").text
    assert "is no number" in desk.fill_in(path, do="acknowledge", expected="many").text
    assert len(desk.writer.written) == 1
    answer = desk.fill_in(path, do="accept", until=day(9), reason="merger", expected="3")
    assert answer.status_code == 303
    assert set(answer.headers["location"].removeprefix("/?").split("&")) == {"attention=unattended", "state=open"}
    assert {one.finding for one in desk.writer.written[1:]} == {finding(number).id for number in range(3)}
    assert len({one.id for one in desk.writer.written}) == 4


def test_the_api_does_it_once_however_often_it_is_asked(desk: Desk) -> None:
    path = f"/api/v1/findings/{finding(1).id}/actions"
    body = {"do": "acknowledge", "who": "robot", "id": "incident-17"}
    for _ in range(2):
        answer = desk.client.post(path, json=body)
        assert answer.status_code == 201
    told: list[dict[str, Any]] = desk.client.get(path).json()
    assert [(one["id"], one["do"], one["who"], one["channel"]) for one in told] == [
        ("incident-17", "acknowledge", "robot", "api")
    ]
    body = {"do": "comment", "text": "x", "who": "r", "expected": 4}
    bulk = desk.client.post("/api/v1/actions?state=open", json=body)
    assert (bulk.status_code, bulk.json()) == (201, {"findings": 4})
    assert desk.client.post("/api/v1/actions?sate=open", json=body).status_code == 400
    assert desk.client.get("/api/v1/findings/none/actions").status_code == 404


def test_everything_is_audited(desk: Desk) -> None:
    for number in range(3):
        desk.do(number, do="comment", text=f"number {number}", who="Ada" if number else "Bob")
    page = desk.client.get("/audit").text
    assert page.index("number 2") < page.index("number 1") < page.index("number 0")
    assert "testclient" in page
    assert "by own word" in page
    assert "number 2" not in desk.client.get("/audit?who=Bob").text
    told = desk.client.get("/api/v1/actions").json()
    assert [one["text"] for one in told["done"]] == ["number 2", "number 1", "number 0"]
    assert desk.client.get("/audit?cursor=x").status_code == 400


def test_no_word_of_anybody_is_markup(desk: Desk) -> None:
    words = HOSTILE
    desk.do(1, do="comment", text=words, who=words)
    desk.do(1, do="assign", owner=words)
    desk.do(1, do="link_ticket", system=words[:60], key=words, url="https://example.com/?q=%3Cscript%3E")
    for path in (f"/f/{finding(1).id}", "/audit", "/", "/bulk", f"/bulk?owner={quote(words)}"):
        page = desk.client.get(path).text
        assert "<script>" not in page
        assert "\x1b" not in page
        assert "‮" not in page


def test_while_kafka_is_away_nothing_is_claimed(desk: Desk) -> None:
    desk.writer.away = True
    answer = desk.do(1, do="acknowledge")
    assert answer.status_code == 503
    assert "no Kafka at" in answer.text


def test_an_acceptance_that_ended_is_told(desk: Desk) -> None:
    desk.do(1, do="accept", until=rfc3339(now_ms() + 1500), reason="merger")
    path = f"/f/{finding(1).id}"
    assert "Accepted" in desk.client.get(path).text
    until(lambda: "The acceptance ended at its date" in desk.client.get(path).text, "its end is told")
    assert "Nobody yet." in desk.client.get(path).text
    assert desk.client.get("/?attention=unattended").text.count("/f/") == 4
