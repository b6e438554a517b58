"""Every link of every dashboard, followed on a desk that knows all detections and the history of a story."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine, select

from deploy.cli.desk.composition import catalogue
from grafana.checker import panels
from sinks.desk.reading import Reading
from sinks.history.database import open_database
from sinks.history.schema import episode, involved
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.topics import FINDINGS
from streams.runtime.clock import now_ms
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import ReaderProgress
from tests.support.dashboards import pages
from tests.support.desk import client_of, watch_of
from tests.support.story_records import story_records

_CLICKED = re.compile(r"\$\{__(?:field\.labels|data\.fields)\.(\w+)(?::percentencode)?\}")
LINKS = sorted(
    {
        link["url"]
        for page in pages().values()
        for panel in panels(page)
        for link in panel["fieldConfig"]["defaults"]["links"]
    }
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """What the story left."""
    engine = open_database("", tmp_path_factory.mktemp("history"))
    sink = HistorySink(engine)
    for at, record in enumerate(story_records(now_ms())):
        sink.add(record, Meta(FINDINGS.name, 0, at, now_ms(), live=True))
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def desk(history: Engine) -> Iterator[TestClient[Litestar]]:
    """A desk over it."""
    with client_of(Reading(history, catalogue(Settings()), lambda: None, watch=watch_of())) as client:
        yield client


@pytest.fixture(scope="module")
def clicked(history: Engine) -> dict[str, str]:
    """A row of the story: what was clicked, by label or column."""
    query = select(episode, involved.c.object).join(involved, involved.c.episode == episode.c.id)
    query = query.where(episode.c.state == "open", episode.c.detection == "conflict.duplicate_address")
    with history.connect() as connection:
        row = connection.execute(query.where(episode.c.forest.is_not(None))).mappings().first()
    assert row is not None
    return {name: str(value) for name, value in row.items()}


def test_every_link_leads_to_a_page_with_what_was_clicked(
    desk: TestClient[Litestar], clicked: dict[str, str]
) -> None:
    assert len(LINKS) > 50
    lost = {}
    for link in LINKS:
        path = _CLICKED.sub(lambda found: clicked[found[1]], link.removeprefix("${desk}"))
        assert path.startswith("/") and "$" not in path, link
        answer = desk.get(path, follow_redirects=False)
        about = "${__" in link and not re.search(r"/runbooks/|state=|family=[a-z]", link)
        if answer.status_code != 200 or (about and clicked["finding"] not in answer.text):
            lost[path] = answer.status_code
    assert lost == {}
