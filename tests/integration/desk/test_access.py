"""Who gets into the desk, and what of it: every route for every role, and every look at the history within a scope."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from click.testing import CliRunner
from litestar.connection import ASGIConnection
from litestar.testing import TestClient
from sqlalchemy import Engine, select

from deploy.cli.main import cli
from deploy.lab.certificates import issue
from sinks.desk import tokens
from sinks.desk.access import Access
from sinks.desk.acting import Acting
from sinks.desk.application import application
from sinks.desk.catalogue import Catalogue, Described
from sinks.desk.desk import Desk
from sinks.desk.pipeline import Pipeline
from sinks.desk.reading import Reading
from sinks.history import daily, queries
from sinks.history.database import open_database
from sinks.history.queries import FindingsQuery
from sinks.history.schema import episode, token, transition
from sinks.history.scope import FindingsScope, keep_scopes, narrowed, within
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.errors import SettingsError
from streams.contracts.finding import Severity, Subject
from streams.contracts.topics import FINDINGS
from streams.runtime.desk_settings import AccessSettings
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import ReaderProgress
from tests.support.desk import Kept, client_of, watch_of, whole
from tests.support.findings import START_MS, finding

DUPLICATE = Described("conflict.duplicate_address", "conflict", Severity.HIGH, "Two objects, one address", "# Meaning")
PROXY, ELSEWHERE = "192.0.2.10", "192.0.2.66"
BERLIN, BERN = "OU=Berlin,DC=corp,DC=contoso,DC=com", "OU=Bern,DC=corp,DC=contoso,DC=com"
ACCESS = AccessSettings.model_validate({
    "proxies": [PROXY], "tokens": True, "viewers": ["look"], "operators": ["act"], "administrators": ["run"],
    "scope": [
        {"groups": ["berlin"], "units": [BERLIN]},
        {"groups": ["everything"]},
        {"groups": ["elsewhere"], "forests": ["other.example"]},
    ],
})  # fmt: skip
ONE = finding(0).id  # in Berlin
PUBLIC, VIEWER, OPERATOR, ADMINISTRATOR = 0, 1, 2, 3
# Every route there is, and who may go there; a new one fails until it stands here.
ROUTES: dict[tuple[str, str], int] = {
    ("GET", "/-/healthy"): PUBLIC,
    ("GET", "/-/ready"): PUBLIC,
    ("GET", "/static/{file_path:path}"): PUBLIC,
    ("GET", "/"): VIEWER,
    ("GET", "/f"): VIEWER,
    ("GET", "/f/{name:str}"): VIEWER,
    ("GET", "/f/{name:str}/timeline"): VIEWER,
    ("GET", "/o/{name:path}"): VIEWER,
    ("GET", "/present/{name:path}"): VIEWER,
    ("GET", "/trends"): VIEWER,
    ("GET", "/next"): VIEWER,
    ("GET", "/causes"): VIEWER,
    ("GET", "/export/{name:str}"): VIEWER,
    ("GET", "/detections"): VIEWER,
    ("GET", "/sources"): VIEWER,
    ("GET", "/runbooks/{name:path}"): VIEWER,
    ("GET", "/api/v1/findings"): VIEWER,
    ("GET", "/api/v1/findings/{name:str}"): VIEWER,
    ("GET", "/api/v1/findings/{name:str}/timeline"): VIEWER,
    ("GET", "/api/v1/findings/{name:str}/actions"): VIEWER,
    ("GET", "/api/v1/objects/{name:path}"): VIEWER,
    ("GET", "/api/v1/counts/{by:str}"): VIEWER,
    ("GET", "/api/v1/weeks"): VIEWER,
    ("GET", "/api/v1/trends"): VIEWER,
    ("GET", "/api/v1/standing"): VIEWER,
    ("GET", "/api/v1/freshness"): VIEWER,
    ("GET", "/api/v1/events"): VIEWER,
    ("GET", "/api/v1/finding.schema.json"): VIEWER,
    ("GET", "/api/v1/targets"): VIEWER,
    ("GET", "/api/v1/schema"): VIEWER,
    ("GET", "/api/v1/schema/openapi.json"): VIEWER,
    ("GET", "/api/v1/schema/{path:str}"): VIEWER,
    ("POST", "/f/{name:str}/actions"): OPERATOR,
    ("GET", "/bulk"): OPERATOR,
    ("POST", "/bulk"): OPERATOR,
    ("POST", "/api/v1/findings/{name:str}/actions"): OPERATOR,
    ("POST", "/api/v1/actions"): OPERATOR,
    ("GET", "/audit"): ADMINISTRATOR,
    ("GET", "/api/v1/actions"): ADMINISTRATOR,
}  # fmt: skip
FILLED = {
    "{name:str}": ONE, "{name:path}": "x", "{by:str}": "state", "{file_path:path}": "desk.css", "{path:str}": "x",
}  # fmt: skip
ENDLESS = ("GET", "/api/v1/events")  # asked where it is refused alone: this client waits for the end of an answer
GROUPS = {VIEWER: "look, everything", OPERATOR: "act, everything", ADMINISTRATOR: "run"}


class World:
    """A history with findings in Berlin (0), in Bern (1) and nowhere (2), and clients of the desk over it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shared: TestClient[Any]
        self.writer = Kept(engine)
        sink = HistorySink(engine)
        for number, unit in enumerate((BERLIN, BERN, None)):
            place = f"CN=x,OU=Sales,{unit}" if unit else None
            subject = Subject(kind="user", key=f"u/{number}", display_name=f"N{number}", distinguished_name=place)
            sink.add(finding(number, subject=subject), Meta(FINDINGS.name, 0, number, START_MS, live=True))
        sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
        daily.note_days(engine, START_MS + 5 * 86_400_000)

    def client(self, peer: str = PROXY, access: AccessSettings = ACCESS) -> TestClient[Any]:
        reading = Reading(self.engine, Catalogue([DUPLICATE]), lambda: None, watch=watch_of())
        return client_of(reading, self.writer, access, peer)

    def asked(self, method: str, path: str, **headers: str) -> int:
        body = {"json": {}} if path.startswith("/api/") and method == "POST" else {}
        return int(self.shared.request(method, path, headers=headers, follow_redirects=False, **body).status_code)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all."""
    engine = open_database("", tmp_path_factory.mktemp("history"))
    world = World(engine)
    with world.client() as world.shared:
        yield world
    engine.dispose()


def signed_in(groups: str, who: str = "ada") -> dict[str, str]:
    return {"X-Forwarded-User": who, "X-Forwarded-Groups": groups}


def test_every_route_has_a_rule_here(world: World) -> None:
    reading = Reading(world.engine, Catalogue([]), lambda: None)
    app = application(reading, Acting(world.engine, cast(Any, world.writer)), access=ACCESS, secret="s", version="1")
    found = {(str(method), route.path) for route in app.routes for method in getattr(route, "methods", ())}
    assert {each for each in found if each[0] not in {"OPTIONS", "HEAD"}} == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[" ".join(each) for each in ROUTES])
def test_every_route_for_every_role(world: World, method: str, path: str) -> None:
    asked = path
    for name, value in FILLED.items():
        asked = asked.replace(name, value)
    wanted = ROUTES[method, path]
    is_form = method == "POST" and not path.startswith("/api/")  # its token: tests/integration/desk/test_actions.py
    stranger = world.asked(method, asked)
    assert stranger == 403 if is_form else (stranger == 401) == (wanted > PUBLIC)
    for role, groups in GROUPS.items():
        if (method, path) == ENDLESS and role >= wanted:
            continue
        status = world.asked(method, asked, **signed_in(groups))
        assert (status == 403) == (is_form or role < wanted), (role, status)
        assert status < 500


def test_who_sends_the_header_without_being_the_proxy_is_a_stranger(world: World) -> None:
    for peer in (ELSEWHERE, "127.0.0.1", "testclient"):
        with world.client(peer) as client:
            assert client.get("/", headers=signed_in("run")).status_code == 401
    with world.client() as client:
        assert client.get("/", headers=signed_in("run")).status_code == 200
        assert client.get("/", headers=signed_in("nothing")).status_code == 403
        assert client.get("/", headers=signed_in("run", who=" ")).status_code == 401
        assert client.get("/", headers=signed_in("run", who="x" * 300)).status_code == 401


def test_who_is_named_twice_is_nobody(world: World) -> None:
    """Who knows which of them the proxy has said."""
    door = Access(ACCESS, world.engine)
    groups = (b"x-forwarded-groups", b"run")
    once = [(b"x-forwarded-user", b"ada"), groups]
    for headers, known in ((once, True), ([*once, (b"x-forwarded-user", b"eve")], False)):
        scope: Any = {"type": "http", "headers": headers, "client": (PROXY, 1), "state": {}}
        assert (door.person(ASGIConnection(scope)) is not None) == known


def test_who_acts_is_who_the_proxy_says_and_not_who_he_says_he_is(world: World) -> None:
    with world.client() as client:
        body = {"do": "comment", "text": "x", "who": "somebody else"}
        path = f"/api/v1/findings/{ONE}/actions"
        assert client.post(path, json=body, headers=signed_in("act, everything")).status_code == 201
        page = client.get(f"/f/{ONE}", headers=signed_in("act, everything")).text
        assert 'name="who"' not in page
        assert "<summary>Acknowledge" in page
        assert "<summary>Acknowledge" not in client.get(f"/f/{ONE}", headers=signed_in("look, everything")).text
    last = world.writer.written[-1]
    assert (last.who, last.known_by, last.address) == ("ada", "proxy", PROXY)


def test_a_token_is_kept_as_a_hash_and_holds_until_its_end(world: World) -> None:
    made = tokens.create(world.engine, "robot", "operator", ["berlin"], 3600)
    with world.engine.connect() as connection:
        assert made not in repr(connection.execute(select(token)).all())
    with world.client(ELSEWHERE) as client:
        bearer = {"Authorization": f"Bearer {made}"}
        assert client.get("/api/v1/findings", headers=bearer).json()["episodes"][0]["finding"] == ONE
        assert client.get("/audit", headers=bearer).status_code == 403
        body = {"do": "acknowledge"}
        assert client.post(f"/api/v1/findings/{ONE}/actions", json=body, headers=bearer).status_code == 201
        assert (world.writer.written[-1].who, world.writer.written[-1].known_by) == ("robot", "token")
        for wrong in (made[:-1], "", "x" * 10_000, f"{made} "):
            expected = 200 if wrong.strip() == made else 401
            assert client.get("/", headers={"Authorization": f"Bearer {wrong}"}).status_code == expected
        assert tokens.revoke(world.engine, "robot")
        assert client.get("/", headers=bearer).status_code == 401
        over = tokens.create(world.engine, "late", "viewer", [], -1)
        assert client.get("/", headers={"Authorization": f"Bearer {over}"}).status_code == 401
    untrusting = ACCESS.model_copy(update={"tokens": False})
    again = tokens.create(world.engine, "again", "viewer", ["everything"], 3600)
    with world.client(ELSEWHERE, untrusting) as client:
        assert client.get("/", headers={"Authorization": f"Bearer {again}"}).status_code == 401


@pytest.mark.parametrize(
    ("groups", "numbers"),
    [("look, berlin", [0]), ("look, everything", [0, 1, 2]), ("look, elsewhere", []), ("look", []), ("run", [0, 1, 2]),
     ("look, berlin, elsewhere", [0])],
)  # fmt: skip
def test_everybody_sees_what_is_in_his_scope_everywhere(world: World, groups: str, numbers: list[int]) -> None:
    with world.client() as client:
        headers = signed_in(groups)
        listed = client.get("/api/v1/findings", headers=headers).json()["episodes"]
        assert sorted(each["finding"] for each in listed) == sorted(finding(number).id for number in numbers)
        for path in ("/api/v1/counts/family", "/api/v1/weeks"):
            assert sum(each["count"] for each in client.get(path, headers=headers).json()) == len(numbers), path
        for number in range(3):
            seen = number in numbers
            name = finding(number).id
            for path in (f"/f/{name}", f"/api/v1/findings/{name}", f"/api/v1/findings/{name}/actions"):
                assert client.get(path, headers=headers).status_code == (200 if seen else 404), path
            assert (name in client.get("/", headers=headers).text) == seen
            assert (name in client.get(f"/o/N{number}", headers=headers).text) == seen
            assert (f"N{number}" in client.get("/export/findings.csv", headers=headers).text) == seen


def test_nobody_acts_outside_of_his_scope(world: World) -> None:
    before = len(world.writer.written)
    with world.client() as client:
        headers = signed_in("act, berlin")
        path = f"/api/v1/findings/{finding(1).id}/actions"
        assert client.post(path, json={"do": "acknowledge"}, headers=headers).status_code == 400
        body = {"do": "comment", "text": "x", "expected": 1}
        assert client.post("/api/v1/actions", json=body, headers=headers).json() == {"findings": 1}
    assert [one.finding for one in world.writer.written[before:]] == [ONE]


def test_the_numbers_of_days_are_within_the_scope(world: World) -> None:
    keep_scopes(world.engine)
    counted = []
    for scopes in (None, (FindingsScope(units=(BERLIN.lower(),)),)):
        with narrowed(world.engine, scopes).connect() as connection:
            assert queries.count(connection, FindingsQuery()) == (3 if scopes is None else 1)
            counted.append(sum(row["standing"] for row in daily.days(connection, 0, START_MS * 2)))
    assert 0 < counted[1] < counted[0]


def test_no_query_slips_out_of_the_scope_by_its_form(world: World) -> None:
    keep_scopes(world.engine)
    other = episode.alias()
    forms = [select(other.c.finding), select(episode.c.finding).join(transition)]
    with narrowed(world.engine, [FindingsScope(units=(BERLIN.lower(),))]).connect() as connection:
        assert [connection.execute(form).scalars().all() for form in forms] == [[ONE], [ONE]]
        with pytest.raises(NotImplementedError):
            connection.execute(select(select(episode).subquery()))
        inner = within(connection, select(episode.c.finding)).subquery()
        assert connection.execute(select(inner)).scalars().all() == [ONE]


def test_whoever_asks_without_end_is_told_to_wait(world: World) -> None:
    with world.client(ELSEWHERE, ACCESS.model_copy(update={"requests_a_minute": 10})) as client:
        told = [client.get("/", headers={"Authorization": "Bearer guess"}).status_code for _ in range(12)]
    assert told == [401] * 10 + [429] * 2


def test_the_desk_answers_to_its_names_alone(world: World) -> None:
    with world.client(access=ACCESS.model_copy(update={"names": ["desk.example"]})) as client:
        headers = signed_in("run")
        assert client.get("/", headers={**headers, "Host": "desk.example"}).status_code == 200
        assert client.get("/", headers={**headers, "Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    ("access", "hint"),
    [
        ({}, "SSH tunnel"),
        ({"proxies": ["192.0.2.1"]}, "names"),
        ({"tokens": True, "names": ["desk.example"]}, "TLS"),
    ],
)
def test_nobody_listens_to_elsewhere_without_knowing_who_comes(
    access: dict[str, Any], hint: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {"desk": {"host": "0.0.0.0", "access": access}, "streams": {"data_dir": str(tmp_path)}}
    )
    with pytest.raises(SettingsError, match=hint):
        Desk(settings, Catalogue([]), Pipeline(freshness=whole, checks=list))


def test_tokens_are_made_listed_and_ended_at_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'[streams]\ndata_dir = "{tmp_path}"\n')

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["desk", "token", *words, "--config", str(config)])
        return done.exit_code, done.output

    code, made = run("create", "siem", "--role", "viewer", "--group", "berlin")
    assert code == 0
    assert made.startswith("synchealth_")
    code, listed = run("list")
    assert listed.startswith("siem: viewer (berlin) until ")
    assert made.strip() not in listed
    assert "already" in run("create", "siem")[1]
    assert run("revoke", "siem")[0] == 0
    assert "no token" in run("revoke", "siem")[1]


def test_it_speaks_tls_and_its_cookies_travel_by_it_alone(tmp_path: Path) -> None:
    certificates = issue(tmp_path, ["127.0.0.1"])
    web = tmp_path / "web.yaml"
    web.write_text(
        f"tls_server_config:\n  cert_file: {certificates.cert_file.name}\n  key_file: {certificates.key_file.name}\n"
    )
    settings = Settings.model_validate({
        "desk": {"port": 0, "access": {"tokens": True}}, "streams": {"data_dir": str(tmp_path)},
        "metrics": {"web_config_file": str(web)}, "kafka": {"bootstrap_servers": ["127.0.0.1:1"]},
    })  # fmt: skip
    with Desk(settings, Catalogue([]), Pipeline(freshness=whole, checks=list)) as desk:
        assert desk.url.startswith("https://")
        made = tokens.create(desk._engine, "robot", "viewer", [], 3600)
        with httpx.Client(verify=ssl.create_default_context(cafile=certificates.ca_file), trust_env=False) as client:
            assert client.get(desk.url).status_code == 401
            client.cookies.clear()
            answer = client.get(desk.url, headers={"Authorization": f"Bearer {made}"})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("secure", "httponly", "samesite=strict"))
