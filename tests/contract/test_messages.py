"""What is said to views: every body that was ever written is read, and written again as it was.

Golden bodies (golden/views.v1.jsonl) were recorded from versions before the messages had types.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.contracts.codec import encode
from streams.contracts.contributors import ContributorKind, kind_of_contributor
from streams.contracts.events import Event
from streams.contracts.view_keys import kind_of
from streams.views.installation.runs import ServerRuns
from streams.views.messages import Message, read, written
from streams.views.registry import VIEW_CLASSES
from tests.support.words import Word, body_of, heard_at, said_in

GOLDEN = Path(__file__).parent / "golden" / "views.v1.jsonl"
SAMPLES: list[dict[str, Any]] = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
TYPED = [sample for sample in SAMPLES if kind_of_contributor(sample["contributor"]) is not ContributorKind.RUNS]


def _name(sample: dict[str, Any]) -> str:
    said = "+".join(sorted(sample["body"]))
    return f"{kind_of(sample['view'])}:{sample['contributor'].partition('/')[0]}:{said}"[:80]


def _said(value: Any) -> Any:
    """A body without what says nothing: what has its default is left out today."""
    if isinstance(value, dict):
        return {name: _said(each) for name, each in value.items() if each not in (None, False, "", 0, {}, [])}
    return [_said(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("sample", TYPED, ids=_name)
def test_a_body_is_read_and_written_as_it_was(sample: dict[str, Any]) -> None:
    message = read(sample["view"], sample["contributor"], body_of(sample["body"]))
    again = said_in(written(message))
    assert _said(again) == _said(sample["body"])
    assert len(encode(again)) <= len(encode(sample["body"]))
    assert read(sample["view"], sample["contributor"], written(message)) == message


@pytest.mark.parametrize("sample", SAMPLES, ids=_name)
def test_a_view_is_built_of_it(sample: dict[str, Any]) -> None:
    shape = VIEW_CLASSES[kind_of(sample["view"])]
    entries = heard_at(sample["view"], {sample["contributor"]: Word(1, sample["body"])})
    shape.needs_evaluation(entries)
    list(shape.build(sample["view"], entries).derived())


def test_every_message_has_a_sample() -> None:
    known = {type(read(each["view"], each["contributor"], body_of(each["body"]))) for each in TYPED}
    assert known == {Event, *Message.__subclasses__()}
    assert any(ServerRuns.read(body_of(each["body"])).ended_ms for each in SAMPLES if each not in TYPED)


def test_a_body_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read("user/t/a", "ad/x@corp", body_of({"party": {"side": "ad"}}))
    with pytest.raises(KeyError):
        read("trace/t/s/1", "ad/x@corp", body_of({}))
