"""Whose topics these are: two installations of one name are told apart by their directories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from producers.__main__ import main
from producers.installation import Identity
from streams.contracts.codec import encode
from streams.contracts.errors import SettingsError
from streams.contracts.topics import AD_CHANGES, DEFAULT_INSTALLATION, TOPICS, belong_to
from streams.runtime.settings import load_settings


def identity(tenants: str, forests: str) -> Identity:
    return Identity("synchealth", frozenset(tenants.split()), frozenset(forests.split()))


def standing(tenants: str, forests: str) -> bytes:
    return encode(identity(tenants, forests).record())


@pytest.mark.parametrize(
    ("mine", "theirs", "news"),
    [
        (("t", "a"), ("t", "a"), False),
        (("t", "a b"), ("t", "a"), True),  # grown
        (("t", "a"), ("t", "a b"), False),  # shrunk, or a node that has less
        (("", ""), ("t", "a"), False),  # a worker without directories
        (("t", "a"), ("", ""), True),
    ],
)
def test_an_installation_may_grow_and_shrink(mine: tuple[str, str], theirs: tuple[str, str], news: bool) -> None:
    assert identity(*mine).is_news(standing(*theirs)) is news
    assert identity("t", "a").is_news(None)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [(("t", "a"), ("u", "b")), (("t", "a"), ("t", "b")), (("t u", "a"), ("u", "a b")), (("t", ""), ("u", ""))],
)
def test_another_one_of_the_same_name_is_refused_and_told_what_to_do(
    mine: tuple[str, str], theirs: tuple[str, str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        identity(*mine).is_news(standing(*theirs))
    told = str(raised.value)
    assert all(name in told for pair in (mine, theirs) for names in pair for name in names.split())
    assert "[installation] name" in told and "topics adopt" in told


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b'{"type":"checkpoint","source":"installation"}'])
def test_a_record_that_says_nothing_refuses_nobody(value: bytes) -> None:
    assert identity("t", "a").is_news(value)


@pytest.fixture
def other_name() -> Iterator[None]:
    yield
    belong_to(DEFAULT_INSTALLATION)


@pytest.mark.usefixtures("other_name")
def test_its_name_is_part_of_topics_and_group() -> None:
    settings = load_settings(None, {})
    assert (AD_CHANGES.name, settings.consumer_group) == ("synchealth.ad.changes.v1", "synchealth")
    settings = load_settings(None, {"SYNCHEALTH_INSTALLATION__NAME": "acme"})
    assert settings.consumer_group == "acme" and {each.name.partition(".")[0] for each in TOPICS} == {"acme"}
    named = {"SYNCHEALTH_INSTALLATION__NAME": "acme", "SYNCHEALTH_STREAMS__CONSUMER_GROUP": "own"}
    assert load_settings(None, named).consumer_group == "own"


@pytest.mark.parametrize("name", ["", "Acme", "a.b", "a_b", "x" * 41, "a/b"])
def test_a_name_fits_into_a_topic_and_a_metric(name: str) -> None:
    with pytest.raises(SettingsError, match="installation"):
        load_settings(None, {"SYNCHEALTH_INSTALLATION__NAME": name})


def test_a_refusal_that_quotes_a_stranger_moves_no_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        identity("t", "a").is_news(standing("\x1b]0;mine\x07", "b"))

    monkeypatch.setattr("producers.__main__.start", refused)
    said = CliRunner().invoke(main, ["all"])
    assert said.exit_code == 1 and r"\x1b]0;mine\x07" in said.output and "\x1b" not in said.output
