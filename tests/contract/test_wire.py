"""Golden samples: every record type as it is on the wire, to be read for ever.

A sample is never edited. A new schema version adds a sample and keeps reading the old ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.contracts.actions import Action
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode, encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import EventChunk
from streams.contracts.facts import FactChunk, Operation, TenantState, Watermark
from streams.contracts.finding import Finding, FindingState
from streams.contracts.views import (
    CauseUpdate,
    ContextUpdate,
    ContributionChunk,
    Control,
    Tick,
    ViewRecord,
    WatermarkUpdate,
)

GOLDEN = Path(__file__).parent / "golden"
SHAPES: dict[str, Any] = {
    "facts": FactChunk,
    "read": FactChunk | Watermark,
    "events": EventChunk,
    "tenant": TenantState,
    "contributions": ViewRecord,
    "tick": ViewRecord,
    "context": ViewRecord,
    "cause": ViewRecord,
    "watermark": ViewRecord,
    "control": ViewRecord,
    "finding": Finding,
    "action": Action,
    "deadletter": DeadLetter,
    "checkpoint": Checkpoint,
}


def _sample(name: str) -> bytes:
    return (GOLDEN / f"{name}.v1.json").read_bytes()


def _holds(again: Any, sample: Any) -> bool:
    """Whether everything of the sample came back; a later version may have added optional fields."""
    if isinstance(sample, dict):
        return all(name in again and _holds(again[name], value) for name, value in sample.items())
    if isinstance(sample, list):
        return len(again) == len(sample) and all(map(_holds, again, sample))
    return bool(again == sample)


def test_there_is_a_sample_of_every_type() -> None:
    assert {path.name.partition(".")[0] for path in GOLDEN.glob("*.v1.json")} == set(SHAPES)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_sample_is_read_and_written_back_without_loss(name: str) -> None:
    raw = _sample(name)
    record = decode(raw, SHAPES[name])
    assert _holds(orjson.loads(encode(record)), orjson.loads(raw))
    assert decode(encode(record), SHAPES[name]) == record


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_unknown_fields_do_not_stop_a_reader(name: str) -> None:
    document = json.loads(_sample(name))
    known, more = orjson.dumps(document), orjson.dumps(document | {"from_the_future": {"x": [1]}})
    assert decode(more, SHAPES[name]) == decode(known, SHAPES[name])


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_wrong_types_are_refused_with_the_path(name: str) -> None:
    document = json.loads(_sample(name))
    field = next(key for key, value in document.items() if key not in ("type", "schema_version") and value is not None)
    document[field] = 12.5
    with pytest.raises(InvalidRecordError, match=rf"\$\.{field}") as caught:
        decode(orjson.dumps(document), SHAPES[name])
    assert caught.value.reason == "wrong_shape"


@pytest.mark.parametrize(
    ("raw", "reason"), [(None, "empty"), (b"", "empty"), (b"{", "not_json"), (b"[]", "wrong_shape")]
)
def test_garbage_has_a_reason(raw: bytes | None, reason: str) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        decode(raw, ViewRecord)
    assert caught.value.reason == reason


def test_view_records_are_told_apart_by_type() -> None:
    kinds = {
        "contributions": ContributionChunk,
        "tick": Tick,
        "context": ContextUpdate,
        "control": Control,
        "cause": CauseUpdate,
        "watermark": WatermarkUpdate,
    }
    for name, kind in kinds.items():
        assert type(decode(_sample(name), ViewRecord)) is kind


def test_facts_keep_null_apart_from_absent() -> None:
    fact = decode(_sample("facts"), FactChunk).facts[1]
    assert fact.op is Operation.UPDATED
    assert fact.attributes["mail"] is None
    assert "proxyAddresses" not in fact.attributes


def test_a_resolved_finding_says_when() -> None:
    finding = decode(_sample("finding"), Finding)
    assert finding.state is FindingState.RESOLVED
    assert finding.resolved_at is not None
