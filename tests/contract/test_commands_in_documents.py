"""What documents tell people to type exists on the real command line, and what they ask for can be done."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deploy.cli.main import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    {
        ROOT / "README.md",
        ROOT / "ARCHITECTURE.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *(ROOT / "streams" / "detections").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
    }
)
_INLINE = re.compile(r"`(synchealth [^`]+)`")
_LINE = re.compile(r"^(synchealth [^#\n]+)", re.MULTILINE)
# A pipe, another command, or an ellipsis ends what is ours.
_END = re.compile(r"\s(?:[|>&;#…\\]|/ )|…$")


def commands(document: Path) -> Iterator[str]:
    """Every command line of ours in a document, up to where it stops being ours."""
    text = document.read_text()
    for found in (*_INLINE.findall(text), *_LINE.findall(text)):
        yield _END.split(found)[0].strip()


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "DECISIONS.md"])
def test_every_test_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"\btests/[\w/]+\.py\b", (ROOT / name).read_text()))
    assert named and [each for each in named if not (ROOT / each).exists()] == []


def test_the_architecture_names_what_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:streams|producers|sinks|deploy|grafana|tests)/[\w/.]*)`", text))
    assert [each for each in named if not (ROOT / each).exists()] == []
    rooms = {path.parent.name for path in (ROOT / "streams").glob("*/__init__.py")}
    assert {room for room in rooms if f"| `streams/{room}/` |" not in text} == set()
    assert len(re.findall(r"^\| ", text.partition("## Words")[2], re.MULTILINE)) <= 31  # thirty words, and the head


def options_of(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def fault(line: str) -> str | None:
    """What the command line would refuse; None if it exists."""
    words = shlex.split(line)[1:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        if found is None:
            return "no such command"
        command = found
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options_of(command)]
    return f"no such option {unknown}" if unknown else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists_with_its_options(document: Path) -> None:
    faults = {line: wrong for line in commands(document) if (wrong := fault(line))}

    assert not faults


def test_the_test_sees_what_is_wrong() -> None:
    assert fault("synchealth acknowledge ID") == "no such command"
    assert fault("synchealth findings --assignee me") == "no such option ['--assignee']"
    assert fault("synchealth topics create --config settings.toml") is None
    assert sum(len(list(commands(document))) for document in DOCUMENTS) > 50


# A finding can neither be owned nor annotated nor hidden: what a runbook asks for must be possible. An alert can be
# silenced, in the Alertmanager, and only for what its labels name.
_IMPOSSIBLE = re.compile(
    r"\b(?:acknowledge|snooze|dismiss|mute|suppress|close|assign|ignore)\b(?: it\b| this\b| the (?:finding|alert)\b)",
    re.I,
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_asked_that_cannot_be_done(document: Path) -> None:
    text = document.read_text()

    assert not _IMPOSSIBLE.findall(text)
    for sentence in re.findall(r"[^.\n]*\bsilence (?:it|its|the)\b[^.\n]*", text, re.IGNORECASE):
        assert "Alertmanager" in sentence, sentence
