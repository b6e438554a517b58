"""The findings of the story `conflicts` as records on the topic: to its end ten days ago, to its middle now."""

from __future__ import annotations

import msgspec
import pytest

from streams.contracts.finding import Finding
from streams.contracts.times import parse_rfc3339, rfc3339
from tests.support.rehearsal import START_MS, StreamedRehearsal

_LAST_MIN, _MIDDLE_MIN, _LOOK_EVERY_MIN = 180, 45, 15
_TEN_DAYS_MS = 10 * 86_400_000
_TIMES = ("opened_at", "observed_at", "updated_at", "resolved_at")


def story_records(now_ms: int) -> list[Finding]:
    """In order, as if the story had come to its middle at `now_ms`; some stand, and what opened twice came back."""
    with pytest.MonkeyPatch.context() as patch:
        rehearsal = StreamedRehearsal("conflicts", patch, lambda each: True, objects=60)
        rehearsal.play(_LAST_MIN, _LOOK_EVERY_MIN)
    records = [record for _, record in rehearsal.pipeline.published if record is not None]
    middle_ms = START_MS + _MIDDLE_MIN * 60_000
    again = [each for each in records if parse_rfc3339(each.updated_at) <= middle_ms]
    later = now_ms - middle_ms
    return [_moved(each, later - _TEN_DAYS_MS, 0) for each in records] + [_moved(each, later, 1000) for each in again]


def _moved(record: Finding, by_ms: int, revisions: int) -> Finding:
    times = {name: getattr(record, name) for name in _TIMES}
    moved = {name: rfc3339(parse_rfc3339(text) + by_ms) for name, text in times.items() if text is not None}
    return msgspec.structs.replace(record, revision=record.revision + revisions, **moved)
