"""The hostile story through the whole pipeline, and every command over it: what attacks is shown, never acted on."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import click
import msgspec
import orjson
import pytest
from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from deploy.cli.main import cli
from deploy.cli.terminal import SafeConsole
from deploy.lab.demo.screen import PlainScreen, Scene, render
from deploy.lab.demo.stage import Stage, Wishes, stage
from deploy.lab.demo.watcher import FindingsWatcher
from deploy.lab.stories import STORIES
from deploy.lab.stories.hostile import TEXTS
from deploy.lab.stories.player import Player
from streams.contracts.codec import encode
from streams.contracts.finding import Finding, FindingState
from streams.contracts.topics import ACTIONS, CHECKPOINTS, DEADLETTERS, FINDINGS, VIEW_STATES, VIEWS
from streams.runtime.spreadsheet import cell
from tests.support.findings import finding
from tests.support.screen import Screen, acted_on, spoken

pytestmark = [
    pytest.mark.slow,
    # kafka-python 3.0 leaves sockets of clients that live for one command to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATIENCE_S = 120
# How each command is called; "CONFIG" and its like are filled in. A command that is missing here fails the test below.
CALLS: dict[str, list[str]] = {
    "findings": [
        "", "--open", "--json", "--csv", "--csv-raw", "--limit 1000", "--search PWNED", "--forest \x1b[31m",
        *(f"--group-by {by}" for by in ("ou", "os")),
    ],
    "explain": ["EACH", "SOME --json", "\x1b]0;x\x07"],
    "object": ["PERSON", "PERSON --json", "\x1b[31m"],
    "ack": ["SOME", "\x1b[31m"],
    "assign": ["SOME --to \x1b[31m"],
    "comment": ["SOME --message \x1b]0;x\x07"],
    "accept": ["SOME --until SOON --reason \x1b[31m", "SOME --until \x1b[31m --reason x"],
    "reopen": ["SOME"],
    "ticket": ["SOME --system \x1b[31m --key \x1b[31m --url https://x.test/", "SOME --system x --key x --url \x1b[31m"],
    "desk token create": ["\x1b[31m", "probe"],
    "desk token list": [""],
    "desk token revoke": ["probe", "\x1b[31m"],
    "report": [f"--first-reading{form}" for form in ("", " --json", " --csv", " --csv-raw")],
    "report weekly": ["", "--week \x1b[31m", "--send \x1b[31m"],
    "funnel": ["--by system", *(f"--by ou {form}" for form in ("", "--json", "--csv"))],
    "deadletters list": ["", "--json", "--reason \x1b[31m"],
    "deadletters redrive": ["--dry-run", ""],
    "check": ["", "--json"],
    "topics check": [""],
    "topics create": [""],
    "topics adopt": [""],
    "topics acls": ["", "--principal \x1b]0;x\x07"],
    "prometheus-config": ["--output OUT"],
    "runbook": ["", "conflict.duplicate_address", "\x1b[31m"],
    "scan": [
        *(f"--server LDAP --bind-user USER --bind-password-file PASSWORD --ca-file CA --format {form}"
          for form in ("table", "jsonl", "csv", "csv --csv-raw")),
        "--input PEOPLE --profile idfix", "--input PEOPLE --format csv", "--input \x1b[31m",
    ],
    "replay": ["EVENTS", "EVENTS --explain", "EVENTS --json", "\x1b[31m"],
    "reevaluate": [""],
    "forget": ["PERSON", "PERSON --yes", "\x1b[31m --yes"],  # who exists is refused: nobody is forgotten here
    "resync": ["graph --collection users --why \x1b]0;x\x07", "", "--json", "\x1b[31m"],
}  # fmt: skip
# What runs until it is ended; what they print is looked at below, or elsewhere.
ELSEWHERE = {
    "demo": "its screens: test_the_demos_screens",
    "up": "lines of its processes: test_what_the_processes_say",
    "run producers": "as up", "run streams": "as up", "run sinks": "as up",
    "run notify": "its messages: tests/integration/notify",
    "run desk": "its pages: tests/integration/desk/test_pages.py",
    "lab": "prints addresses and paths of its own alone",
    "lab break": "prints its own names of faults", "lab repair": "as lab break",
}  # fmt: skip
MANY = {"EACH", "SOME"}
WITHOUT_CONFIG = {"scan", "replay", "runbook"}


@dataclass
class Hostile:
    """The stage with all but the last step of the story played; `said`: what a demo without a terminal printed."""

    built: Stage
    player: Player
    scene: Scene
    said: Screen
    words: dict[str, list[str]] = field(default_factory=dict)

    def wait(self, what: str) -> None:
        """Until every expected finding is (`what`) "opened" or "done"."""
        deadline_s = time.monotonic() + PATIENCE_S
        waiting = list(self.player.progress.values())
        while waiting := [each for each in waiting if not (each.opened_ms if what == "opened" else each.done)]:
            missing = [each.expectation.detection for each in waiting]
            assert time.monotonic() < deadline_s, (missing, self.built.log_file.read_text()[-4000:])
            self.built.supervisor.look()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder = tmp_path_factory.mktemp("hostile")
    said, scene = Screen(terminal=False), Scene(title="hostile")
    screen = PlainScreen(SafeConsole(file=said, width=200), scene)
    wishes = Wishes(objects=300, speed=600, directory=folder / "stage")
    with stage(wishes, told=screen.tell, on_cycle=lambda _: None, on_sweep=lambda _: None) as built:
        with built.lab.held():
            story = STORIES["hostile"](built.organisation)
        player = Player(story, built.lab.clock, built.lab.schedule, on_step=lambda step: screen.tell(step.told))
        scene.progress = player.progress
        running = Hostile(built, player, scene, said)

        def on_finding(found: Finding) -> None:
            with scene.lock:
                scene.findings[found.id] = found
            player.saw(found.id, is_open=found.state is not FindingState.RESOLVED)
            screen.finding(found, player.progress.get(found.id))

        with FindingsWatcher(built.settings.kafka, on_finding):
            for step in story.steps[:-1]:
                built.lab.call(lambda step=step: player.run_step(step))
            running.wait("opened")
            poison(built)
            running.words = arguments(running, folder)
            yield running


def poison(built: Stage) -> None:
    """What a stranger who may write to our topics writes there."""
    text = "".join(TEXTS.values())
    theirs = msgspec.structs.replace(
        finding(), id="f" * 16, summary=text, detection=text, tenant=text, forest=text, remediation=text, cause=text,
        evidence={text: [text, {text: text}]},
        subject=msgspec.structs.replace(finding().subject, display_name=text, distinguished_name=text),
    )  # fmt: skip
    whole = encode(theirs)
    ours = built.organisation.tenant.tenant_id
    producer = KafkaProducer(bootstrap_servers=built.broker)
    for topic in (ACTIONS, FINDINGS, DEADLETTERS, VIEWS, VIEW_STATES, CHECKPOINTS):
        producer.send(topic.name, whole, key=text.encode(), partition=0)
        for key in (b"\x9b\xff\x1b[2J", b"device/\xff\x1b[2J"):
            producer.send(topic.name, b"\x1b[31m\xff\x00", key=key, partition=0)
        half = msgspec.structs.replace(theirs, id="e" * 16, summary="HALF", tenant=ours, detection="hygiene.blank")
        surrogates = encode(half).replace(b"HALF", rb"\ud800\u001b[31m \udc00")
        producer.send(topic.name, surrogates, key=b"e" * 16, partition=0)
    producer.flush()
    producer.close()


def arguments(running: Hostile, folder: Path) -> dict[str, list[str]]:
    """What the capital words of CALLS stand for."""
    lab, forest = running.built.lab, running.built.organisation.forests[0]
    people, events, password = (folder / name for name in ("people.jsonl", "events.ndjson", "password"))
    rows = [{"dn": f"CN={text},DC=x", "objectClass": ["user"], "attributes": {"userPrincipalName": f"{text}@x"}}
            for text in TEXTS.values()]  # fmt: skip
    people.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    logged = [*lab.organisation.engine.log.documents]
    audits = [{"tenantId": lab.organisation.tenant.tenant_id, "displayName": text} for text in TEXTS.values()]
    events.write_bytes(b"\n".join(map(orjson.dumps, [*logged, *audits])) + b'\n{"\x1b[31m": "\\ud800\n')
    password.write_text(forest.accounts.service_password)
    password.chmod(0o600)
    by_family = {each.detection.partition(".")[0]: each.id for each in running.scene.findings.values()}
    return {
        "CONFIG": [str(running.built.config)], "OUT": [str(folder / "out")], "PEOPLE": [str(people)],
        "EVENTS": [str(events)], "PASSWORD": [str(password)], "USER": [f"{forest.accounts.service}@{forest.name}"],
        "LDAP": [lab.directories[forest.name].ldaps_url], "CA": [str(lab.certificates.ca_file)],
        "SOON": [f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"], "PERSON": [f"hostile00@{forest.layout.domain}"],
        "EACH": [*by_family.values(), "ffffffff", "eeeeeeee"],
        "SOME": [*list(by_family.values())[:1], "ffffffff"],
    }  # fmt: skip


def commands(group: click.Command = cli, path: Sequence[str] = ()) -> Iterator[str]:
    """Every command of the command line by its words."""
    if not isinstance(group, click.Group):
        yield " ".join(path)
        return
    if path and group.invoke_without_command:
        yield " ".join(path)
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands(found, [*path, name])


def test_every_command_is_called_here_or_declared() -> None:
    assert set(commands()) == CALLS.keys() | ELSEWHERE.keys()


def calls(running: Hostile, command: str, *, terminal: bool) -> Iterator[list[str]]:
    """Each call with its words filled in; into a pipe some pages are enough."""
    config = [] if command in WITHOUT_CONFIG else ["--config", *running.words["CONFIG"]]
    for call in CALLS[command]:
        words = (call if terminal else call.replace("EACH", "SOME")).split(" ") if call else []
        for each in running.words.get(words[0] if words else "", [""]):
            given = [each if word in MANY else (running.words.get(word) or [word])[0] for word in words]
            yield [*command.split(), *config, *given]


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("command", CALLS)
def test_a_command(command: str, terminal: bool, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in calls(hostile, command, terminal=terminal):
        code, out, err = spoken(monkeypatch, *words, terminal=terminal)
        assert code in (0, 1, 2, 3), words
        assert "Traceback" not in out + err, (words, out, err)
        assert acted_on(err) == [], words
        if "--csv-raw" not in words:
            assert not re.search("^(OPEN )?forged|^evil", out + err, re.MULTILINE), words
            assert acted_on(out) == [], (words, out[-500:])
        if "--json" in words or "jsonl" in words:
            for line in out.splitlines():
                orjson.loads(line)
        if ("csv" in words or "--csv" in words) and "--csv-raw" not in words:
            cells = [value for row in csv.reader(io.StringIO(out)) for value in row]
            assert len(cells) > 9 and [each for each in cells if each[:1] != "'" and cell(each) != each] == []


def test_the_attacks_are_there_to_be_seen(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ("--config", *hostile.words["CONFIG"])
    _, out, _ = spoken(monkeypatch, "findings", *config, "--limit", "1000", terminal=False)
    for shown in (
        "\\x1b]0;PWNED\\x07",
        "\\x9b31m",
        "\\u202egpj.exe",
        "[/][bold red]markup",
        "<script>",
        "nul\\x00",
    ):
        assert shown in out, shown
    _, raw, _ = spoken(monkeypatch, "findings", *config, "--csv-raw", terminal=False)
    assert "\x1b]0;PWNED\x07" in raw, "machines get what stands there"


def test_the_demos_screens(hostile: Hostile) -> None:
    seen = Screen()
    for width, height in ((80, 24), (150, 200)):
        SafeConsole(file=seen, width=width, height=height, color_system=None).print(
            render(hostile.scene, height, width)
        )
    assert acted_on(seen.text) == [] and "\\x1b]0;PWNED" in seen.text
    assert acted_on(hostile.said.text) == [] and "\nOPEN forged" not in hostile.said.text


def test_what_the_processes_say(hostile: Hostile) -> None:
    text = hostile.built.log_file.read_text()
    assert acted_on(text) == [] and "Traceback" not in text


def test_metrics_hold_no_text_of_theirs_and_parse(hostile: Hostile) -> None:
    settings = hostile.built.settings
    for port in (settings.metrics.port, settings.streams.metrics_port, *hostile.built.producer_ports.values()):
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120) as answer:
            text = answer.read().decode()
        families = list(text_string_to_metric_families(text))
        assert families and all(family.name.startswith(("synchealth_", "process_", "python_")) for family in families)
        labels = {value for family in families for sample in family.samples for value in sample.labels.values()}
        assert [value for value in labels if acted_on(value) or "PWNED" in value or "evil" in value] == []


def test_what_is_deleted_is_resolved(hostile: Hostile) -> None:
    hostile.built.lab.call(lambda: hostile.player.run_step(hostile.player.story.steps[-1]))
    hostile.wait("done")
