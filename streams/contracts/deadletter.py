"""Dead letters: what could not be used, kept with the reason and its whole original."""

from __future__ import annotations

import msgspec


class DeadLetter(msgspec.Struct, frozen=True, tag_field="type", tag="deadletter", kw_only=True):
    """One unusable record or fact.

    reason:   a short stable word (the metric label); `error` the sentence for people.
    stage:    who gave up: "project", "evaluate", "source", "sink".
    original: base64 of the bytes that were refused (the fact alone where its chunk was readable).
    topic, partition, offset: where it stood; None where it never was in Kafka.
    """

    reason: str
    error: str
    stage: str
    ts_ms: int
    original: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    key: str | None = None
    schema_version: int = 1
