"""Names in directories are a stranger's words: none moves a cursor, turns a line, or runs in a spreadsheet."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

import deploy
from deploy.cli import deadletters, terminal
from deploy.cli import resync as resync_command
from deploy.cli.check import command as check_command
from deploy.cli.check.line import Line, Mark
from deploy.cli.deadletters import place_of_record
from deploy.cli.findings import command as findings_command
from deploy.cli.findings.events import events_in_record
from deploy.cli.findings.source import ExplainedFinding, Findings
from deploy.cli.funnel import command as funnel_command
from deploy.cli.funnel.funnel import ComputerStanding
from deploy.cli.main import main
from deploy.cli.report import command as report_command
from deploy.cli.terminal import SafeConsole
from deploy.lab.demo.screen import PlainScreen, Scene, render
from sinks.freshness import Freshness, SourceFreshness
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import RetriableError, SettingsError
from streams.contracts.events import Event, EventChunk, Log, Result
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.contracts.finding import Finding
from streams.contracts.topics import CHECKPOINTS, DEADLETTERS, FINDINGS, VIEW_STATES, VIEWS
from streams.detections.detection import DEFAULT_THRESHOLDS
from streams.evaluation.view_row import ViewRow
from streams.runtime.printable import is_shallow, printable, shown
from streams.runtime.settings import Settings
from streams.runtime.spreadsheet import cell
from streams.runtime.topic_reader import Partition, StoredRecord
from tests.support.findings import START_MS, TENANT, finding
from tests.support.screen import Screen, acted_on, plain_terminal

NAME = "".join((
    "Ada ", "\x1b]0;mine\x07", "\x1b[2J\x1b[31m", "\x9b31m", "\x90q\x9c", "\u202eevil\u202c", "\u2066x\u2069", "\x00",
    "\r", "\x08\x7f", "a[/]b[red]c[link=http://x]", "\u200b\ufeff", "\nforged", "\U000e0041", "\u2028z",
))  # fmt: skip


def hostile() -> Finding:
    """Every text of it is, as far as a directory has a say."""
    said = finding()
    names = {"display_name": NAME, "distinguished_name": f"CN={NAME},OU={NAME}", "user_principal_name": NAME}
    holders = [msgspec.structs.replace(each, **names, role=NAME, attributes=[NAME]) for each in said.counterparts]
    return msgspec.structs.replace(
        said, id="1" * 16, summary=f"{NAME} loses it", forest=NAME, counterparts=holders, cause=NAME, remediation=NAME,
        evidence={NAME: [NAME, {NAME: NAME}]}, subject=msgspec.structs.replace(said.subject, **names),
    )  # fmt: skip


def explained(*_: object) -> ExplainedFinding:
    said = hostile()
    fact = Fact(
        op=Operation.UPDATED, object_id=said.counterparts[0].id, seq=1, ts_ms=START_MS, kind=ObjectKind.USER,
        attributes={NAME: NAME, "distinguishedName": NAME},
    )  # fmt: skip
    event = Event(
        id="e", log=Log.AUDIT, name=NAME, tenant=TENANT, ts_ms=START_MS, seen_ms=START_MS, server=NAME, reason=NAME,
        initiator=NAME, user_principal_name=NAME, result=Result.FAILURE, details={"sync_server": NAME},
    )  # fmt: skip
    origin = Origin(name=NAME, side="ad", tenant=TENANT, forest=NAME)
    return ExplainedFinding(said, [said], [(origin, fact)], False, [event], False, [said])


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with plain_terminal(monkeypatch):
        yield Screen()


def assert_harmless(text: str) -> None:
    assert acted_on(text) == []
    assert "\nforged" not in text
    assert "\\x1b" in text or "\\u001b" in text, "it is shown all the same"


def run(tty: Screen, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["synchealth", *words])
    monkeypatch.setattr(sys, "stdout", tty)
    if not isinstance(sys.stderr, Screen):
        monkeypatch.setattr(sys, "stderr", tty)
    fresh = Freshness(START_MS, [SourceFreshness("ad/corp", 15.0, None)], None)
    for module in (terminal, check_command):
        monkeypatch.setattr(module, "load_settings", lambda *_: Settings())
        monkeypatch.setattr(module, "find_settings", lambda *_: Path("settings.toml"))
    monkeypatch.setattr(terminal, "require_answer", lambda *_: None)
    for module in (findings_command, funnel_command, report_command, deadletters):
        monkeypatch.setattr(module, "read_freshness", lambda *_: fresh)
    with contextlib.suppress(SystemExit):
        main()
    return tty.text


@pytest.mark.parametrize(
    "words",
    [("findings",), ("findings", "--all"), ("findings", "--json"), ("explain", "1"), ("explain", "1", "--json"),
     ("report", "--first-reading"), ("report", "--first-reading", "--json"), ("report", "--first-reading", "--csv"),
     *(("findings", "--group-by", by) for by in ("ou", "forest"))],
)  # fmt: skip
def test_findings_and_explain(words: tuple[str, ...], tty: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_command, "read_findings", lambda *_: Findings({"1": hostile()}))
    monkeypatch.setattr(report_command, "read_findings", lambda *_: Findings({"1": hostile()}))
    monkeypatch.setattr(findings_command, "explain", explained)
    text = run(tty, monkeypatch, *words)
    assert_harmless(text)
    if "--json" in words:
        document = orjson.loads(text)
        document = document["findings"][0] if "report" in words else document
        assert document.get("finding", document)["summary"] == hostile().summary, "JSON loses nothing"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_funnel(form: tuple[str, ...], tty: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    standing = ComputerStanding(TENANT, NAME, NAME, NAME, "registered")
    monkeypatch.setattr(funnel_command, "read_standings", lambda *_: [standing])
    assert_harmless(run(tty, monkeypatch, "funnel", "--by", "ou", *form))


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_dead_letters(form: tuple[str, ...], tty: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = DeadLetter(reason=NAME, error=NAME, stage=NAME, ts_ms=START_MS, original="", topic=NAME, key=NAME)
    monkeypatch.setattr(deadletters, "_read", lambda *_: [letter])
    assert_harmless(run(tty, monkeypatch, "deadletters", "list", "--config", "x.toml", *form))


@pytest.mark.parametrize("words", [("deadletters", "list", "--reason", "x"), ("findings", "--forest", "x")])
def test_a_filter_that_fits_nothing_names_what_there_is(
    words: tuple[str, ...], tty: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = DeadLetter(reason=NAME, error=NAME, stage=NAME, ts_ms=START_MS, original="", topic=NAME, key=NAME)
    monkeypatch.setattr(deadletters, "_read", lambda *_: [letter])
    monkeypatch.setattr(findings_command, "read_findings", lambda *_: Findings({"1": hostile()}))
    assert_harmless(run(tty, monkeypatch, *words))


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_check(form: tuple[str, ...], tty: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_command, "lines", lambda *_: [Line(NAME, Mark.FAULT, NAME, NAME)])
    assert_harmless(run(tty, monkeypatch, "check", "--config", "x.toml", *form))


@pytest.mark.parametrize("fault", [RetriableError(f"it says {NAME}"), SettingsError([f"of {NAME}"])])
def test_errors_that_quote_a_server(fault: Exception, tty: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise fault

    monkeypatch.setattr(findings_command, "read_findings", refuse)
    assert_harmless(run(tty, monkeypatch, "findings"))


def test_scan_and_what_it_could_not_read(tty: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    people = tmp_path / "people.jsonl"
    person = {"dn": f"CN={NAME},DC=corp", "objectClass": ["user"], "attributes": {"userPrincipalName": f"{NAME}@x"}}
    unreadable = {"dn": NAME, "attributes": {NAME: {"x": 1}}}
    people.write_bytes(orjson.dumps(person) + b"\n" + orjson.dumps(unreadable) + b"\n")
    assert_harmless(run(tty, monkeypatch, "scan", "--input", str(people)))


@pytest.mark.parametrize("what", ["changetype: \x1b]0;evil\x07", "\x1b[31mevil\x9b: x"])
def test_scan_problems_of_ldif(what: str, tty: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    people = tmp_path / "people.ldif"
    people.write_text(f"dn: CN=a,DC=b\n{what}\n\n", encoding="utf-8")
    text = run(tty, monkeypatch, "scan", "--input", str(people))
    assert all(c.isprintable() or c == "\n" for c in text), ascii(text)


@pytest.mark.parametrize("number", [2**70, -(2**70), 2**53, 10**17])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_numbers_that_no_calendar_has(
    form: tuple[str, ...], number: int, tty: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write into a topic may write any number; nobody's command ends at it."""
    said = msgspec.structs.replace(finding(), revision=number)
    fact = Fact(op=Operation.UPDATED, object_id="a", seq=1, ts_ms=number, kind=ObjectKind.USER, attributes={"a": 1})
    event = Event(id="e", log=Log.AUDIT, name="n", tenant=TENANT, ts_ms=number, seen_ms=number)
    origin = Origin(name="ad/x", side="ad", tenant=TENANT, forest="x")
    page = ExplainedFinding(said, [said], [(origin, fact)], True, [event])
    monkeypatch.setattr(findings_command, "explain", lambda *_: page)
    letter = DeadLetter(reason="r", error="e", stage="s", ts_ms=number, original="", topic="t", partition=number)
    monkeypatch.setattr(deadletters, "_read", lambda *_: [letter])
    position = {"id": "i", "by": "b", "why": "w", "collection": ""}
    order = Checkpoint(source="resync", part="ad/x", seq=0, ts_ms=number, position=position)
    monkeypatch.setattr(resync_command, "_read", lambda _, into: into.read(b"resync#ad/x", encode(order)))
    for words in (("explain", "1"), ("deadletters", "list"), ("resync",)):
        text = run(tty, monkeypatch, *words, *form)
        assert "Traceback" not in text and ("0001-01-01" in text or "9999-12-31" in text or form)


@pytest.mark.parametrize("dictionary", [True, False])
def test_what_is_nested_without_end_is_passed_over(dictionary: bool) -> None:
    deep: object = "x"
    for _ in range(400):
        deep = {"a": deep} if dictionary else [deep]
    said = msgspec.structs.replace(finding(), evidence={"deep": deep})
    found = Findings()
    for each in (finding(), said):
        record = StoredRecord(Partition(FINDINGS.name, 0), 0, encode(each), each.id.encode())
        assert (found.take(record) is None) is (each is said)
    assert found.latest == {finding().id: finding()}
    event = Event(id="needle", log=Log.AUDIT, name="n", tenant=TENANT, ts_ms=0, seen_ms=0, details={"deep": deep})
    assert events_in_record(encode(EventChunk(source="s", events=[event])), [b"needle"]) == []
    assert is_shallow({"a": [{"b": [1, {}]}]})


PARTY = {"side": "ad", "kind": "device", "id": "x", "tenant": "t"}


@pytest.mark.parametrize("key", ["device/", "device/x", "device/x/y"])
@pytest.mark.parametrize("body", [{}, {"party": 1}, {"party": PARTY, "attributes": [1]}, {"party": PARTY}])
def test_a_row_of_a_stranger_ends_no_funnel(key: str, body: dict[str, Any]) -> None:
    row = encode(ViewRow(entries={"ad/x": (1, 2**70, body, 0), "entra/y": (1, -1, body, 0), "": (0, 0, body, 0)}))
    standing = funnel_command._standing(key, row, DEFAULT_THRESHOLDS, START_MS)
    assert standing is None or isinstance(standing, ComputerStanding)


@pytest.mark.parametrize(
    ("topic", "partition", "offset"),
    [*((name, 0, 0) for name in ("x", FINDINGS.name, CHECKPOINTS.name, VIEW_STATES.name, DEADLETTERS.name)),
     (VIEWS.name, -1, 0), (VIEWS.name, 0, -1), (VIEWS.name, 2**70, 0), (VIEWS.name, 0, 2**70)],
)  # fmt: skip
def test_a_dead_letter_of_a_stranger_has_nothing_sent_again_that_would_win_over_what_followed(
    topic: str, partition: int, offset: int
) -> None:
    letter = DeadLetter(
        reason="r", error="e", stage="s", ts_ms=0, original="", topic=topic, partition=partition, offset=offset
    )
    assert place_of_record(letter) is None
    assert place_of_record(msgspec.structs.replace(letter, topic=VIEWS.name, partition=1, offset=7)) == (
        VIEWS.name, 1, 7,
    )  # fmt: skip


def test_the_demo(tty: Screen) -> None:
    scene = Scene(title=NAME, findings={"1": hostile()})
    scene.told.append(NAME)
    plain = PlainScreen(SafeConsole(file=tty), scene)
    plain.tell(NAME)
    plain.finding(hostile(), None)
    SafeConsole(file=tty).print(render(scene, 40))
    assert_harmless(tty.text)


def test_colours_are_ours_alone() -> None:
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, color_system="truecolor")
    console.print("[red]x[/red] \x1b[31my\x9b", style="bold")
    assert out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "") == "[red]x[/red] \\x1b[31my\\x9b\n"


def test_a_page_shows_the_beginning_of_an_endless_text() -> None:
    said = shown(msgspec.structs.replace(finding(), summary="\x1b" * (1 << 20)))
    assert said.summary.startswith(r"\x1b\x1b") and said.summary.endswith("… (1,048,576 characters)")
    assert len(said.summary) < 20_000


def test_a_plain_text_is_one_line() -> None:
    out = io.StringIO()
    SafeConsole(file=out, width=200).print("Ada\nOPEN forged\x07\x08", style="red")
    assert out.getvalue() == "Ada\\nOPEN forged\\x07\\x08\n"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_json_says_the_same_in_characters_that_nobody_acts_on(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Screen(terminal=is_terminal)
    monkeypatch.setattr(sys, "stdout", out)
    terminal.write_json({NAME: [NAME, "\U000e0041"]})
    assert acted_on(out.text) == [] and orjson.loads(out.text) == {NAME: [NAME, "\U000e0041"]}


def test_no_command_has_a_console_of_its_own() -> None:
    """The kind: whoever writes a new command can only forget it by failing here."""
    root = Path(deploy.__file__).parent
    made = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console"
    }
    assert made == set()


FORMULAS = (
    '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\tx",
    "\rx", "\nx", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", " =1", "\u00a0=1",
    "'=1", '"=1', " \uff1d1", "\ufeff=1", "\u200b=1",
)  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_spreadsheet_runs_no_cell(formula: str) -> None:
    assert cell(formula) == f"'{printable(formula)}"


@pytest.mark.parametrize("formula", [each for each in FORMULAS if each[0] != "'"])
def test_nor_a_part_of_one_that_a_semicolon_makes_a_cell(formula: str) -> None:
    """In most of Europe a spreadsheet parts cells at semicolons, whatever the file was meant to be."""
    assert cell(f"x;{formula};y") == f"x;'{printable(formula)};y"
    assert cell(cell(f"x;{formula}")) == cell(f"x;{formula}"), "once is enough"


@pytest.mark.parametrize(
    "text", ["", "Ada Bo", "a=b", "ada@contoso.com", "CN=Ada,DC=corp", "1-2", "(=)", "smtp:a@x;smtp:b-c@x"]
)
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(("form", "quoted"), [(("--csv",), True), (("--csv-raw",), False)])
@pytest.mark.parametrize("formula", FORMULAS)
def test_every_csv_is_quoted_and_raw_where_asked(
    formula: str, form: tuple[str, ...], quoted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    people = tmp_path / "people.jsonl"
    person = {"dn": "CN=a", "objectClass": ["user"], "attributes": {"userPrincipalName": f"{formula} @x"}}
    people.write_bytes(orjson.dumps(person))
    said = msgspec.structs.replace(finding(), summary=formula)
    monkeypatch.setattr(findings_command, "read_findings", lambda *_: Findings({"1": said}))
    monkeypatch.setattr(report_command, "read_findings", lambda *_: Findings({"1": said}))
    standing = ComputerStanding(TENANT, "f", formula, "s", "registered")
    monkeypatch.setattr(funnel_command, "read_standings", lambda *_: [standing])
    scanned = ("--format", "csv") if quoted else form
    ways = (
        ("findings", *form), ("report", "--first-reading", *form), ("funnel", "--by", "ou", *form),
        ("scan", "--input", str(people), *scanned),
    )  # fmt: skip
    for words in ways:
        out = Screen()
        monkeypatch.setattr(sys, "stderr", Screen())
        run(out, monkeypatch, *words)
        cells = [value for row in csv.reader(io.StringIO(out.text, newline="")) for value in row]
        assert any(value.startswith(f"'{printable(formula)}") for value in cells) is quoted, (words, cells)
        assert any(value.startswith(formula) for value in cells) is not quoted, (words, cells)
