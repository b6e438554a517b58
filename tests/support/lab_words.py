"""Whether a text of the lab has the form of a golden sample: our own words played back would prove nothing.

A skeleton is the text without what differs from event to event: identifiers, numbers, names in quotes, addresses, DNs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from deploy.lab.sync.event_log import EventLog
from tests.support import event_samples as samples

_VARIABLE = (
    (r"\{[0-9A-F]{2,}\}", "{hex}"),
    (r"(?i)(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "guid"),
    (r"(domain controller (?:hostname|IP address)): (?:<not available>|[\w.-]+[\w-])", r"\1: controller"),
    (r"(?<=xit code: )(?:Unknown HResult Error code: 0x[0-9a-f]{8}|[^\n.:]+?)(?=[ .]*\n)", "code"),
    (r"(?<=Server error: )[^\n]+", "answer"),
    (r"(?<=tenantId: )\S+", "tenant"),
    (r"(?<=drsInstance: )\S+", "drs"),
    (r"(?<=errorPhase: )\S+", "phase"),
    (r"(?i)\b(tenant ?type|registration ?type): (?:Managed|Federated|sync|fed)\b", r"\1: type"),
    (r"\bhr=[0-9a-fA-F]{8}\b", "hr"),
    (r"\b(?:True|False)\b", "bool"),
    (r"(?<=\): )[^\s(]*\.cpp\(", "file("),
    (r"\b(?:CN|OU)=[^\n]*?DC=[\w-]+(?:,DC=[\w-]+)*", "dn"),
    (r"(?<![\w/])[A-Za-z0-9+/]{22}==", "anchor"),
    (r"[\w.'+-]+@[\w.-]+", "address"),
    (r"(?<=<partition-name>)[^<]+", "domain"),
    (r"(?<=failed for domain: )[\w.-]+[\w-]", "domain"),
    (r"\"[^\"\n]*\"", '"name"'),
    (r"\bcycle (started|completed) \(\w+\)", r"cycle \1 (kind)"),
    (r"RPC Error \d+ : .*?\.(?= There)", "RPC Error n : words"),
    (r"Result : \w+", "Result : word"),
    (r"\b\d+\b", "n"),
    (r"\s+", " "),
)
_SENTENCE = re.compile(r"(?<=message=).*?(?=, Context:|\Z|\s+at AADPasswordReset)")
"""Microsoft's own words for each number; which of them the lab may say is compared word by word elsewhere."""

_NAME = re.compile(r"(?<=Error Name: )\w+")
_DETAIL = re.compile(r"(?<=Error Detail: )([^\n]*)")
_VALUE = re.compile(r"\[\w+ [^\]]*\]")
_UNBLOCK = re.compile(r", unblockUser: \w+")
_SISTERS = {31007: (31002, "ChangePasswordSuccess", "PasswordResetSuccess")}
"""What nobody has quoted, by its sister: the documentation names both alike, and their beginnings have one form."""

WITHOUT_TEXT = {
    ("ADSync", 6949): "id, level and meaning alone are documented",
    ("ADSync", 6956): "the documentation shows its text in a picture",
    ("Directory Synchronization", 601): "the documentation names it alone",
    ("Directory Synchronization", 609): "the documentation names it alone",
    **{
        ("PasswordResetService", number): "the documentation has its name and its meaning"
        for number in (31004, 31005, 31012, 31013, 31015, 31016, 31019)
    },
}
"""Events that the lab writes by id and level alone, and why: nobody has published their text."""


def skeleton(text: str) -> str:
    """What stays the same of a text."""
    for pattern, word in _VARIABLE:
        text = re.sub(pattern, word, text)
    return text.strip()


def is_of_a_known_form(document: dict[str, Any]) -> bool:
    """Whether the text of a Winlogbeat document is one that a sample shows, or is absent where none is published."""
    provider, number = document["winlog"]["provider_name"], int(document["winlog"]["event_id"])
    text = document["message"]
    if not text:
        return (provider, number) in WITHOUT_TEXT
    known = _known(provider, number)
    if provider == "ADSync" and number == 6329:  # the traces are as many as the causes: their lines are compared
        return set(_lines(text)) <= _trace_lines()
    if number == 904 and re.match(r"(?:Starting|Finished): \S", text):
        return True  # what follows is not published: the beginning alone is held against a sample
    if provider == "ADSync" and number == 6941:
        return _refusal(text, known)
    if number in _SISTERS:
        return _form(text.replace(*_SISTERS[number][1:])) in {_form(_UNBLOCK.sub("", each)) for each in known}
    if provider == "Directory Synchronization" and number in (656, 657):
        return _each_user(text) in {_each_user(each) for each in known}
    return _form(text) in {_form(each) for each in known}


@cache
def _known(provider: str, number: int) -> tuple[str, ...]:
    """Texts of the samples of one event; the errors of one service have one form (33001 to 33009), its starts too."""
    like = _alike(provider, number)
    return tuple(
        document["message"]
        for document in samples.windows_events().values()
        if (document["winlog"]["provider_name"], _alike(provider, int(document["winlog"]["event_id"])))
        == (provider, like)
    )


def _alike(provider: str, number: int) -> int:
    if provider == "PasswordResetService" and number >= 33000:
        return number // 1000
    return _SISTERS[number][0] if number in _SISTERS else number


def _refusal(text: str, known: tuple[str, ...]) -> bool:
    """Of a 6941: one form for every error; a detail is one that is quoted, with other values, or is not said."""
    frames = {_form(_DETAIL.sub("", _NAME.sub("", each))) for each in known}
    details = {"", *(_form(_VALUE.sub("[]", each)) for text in known for each in _DETAIL.findall(text))}
    said = {_form(_VALUE.sub("[]", each)) for each in _DETAIL.findall(text)}
    return _form(_DETAIL.sub("", _NAME.sub("", text))) in frames and said <= details


@cache
def _form(text: str) -> str:
    return _SENTENCE.sub("sentence", skeleton(text))


def _each_user(text: str) -> tuple[str, ...]:
    """The forms of the lines of a batch: how many users it holds is no form."""
    return tuple(sorted({skeleton(line) for line in text.splitlines() if line.strip()}))


def _lines(text: str) -> list[str]:
    return [re.sub(r"0x[0-9a-f]{8} \(.+?\):?", "code", skeleton(line)).strip('"') for line in text.splitlines()]


@cache
def _trace_lines() -> set[str]:
    return {line for text in _known("ADSync", 6329) for line in _lines(text)}


@pytest.fixture(autouse=True)
def real_words(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails the test whose lab writes an event in words that nobody else has published."""
    strange: dict[str, str] = {}
    forward = EventLog.forward

    def checked(log: EventLog, document: dict[str, Any]) -> None:
        if not is_of_a_known_form(document):
            strange[f"{document['winlog']['provider_name']}/{document['winlog']['event_id']}"] = document["message"]
        forward(log, document)

    monkeypatch.setattr(EventLog, "forward", checked)
    yield
    assert strange == {}
