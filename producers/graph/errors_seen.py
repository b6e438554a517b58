"""The errors of objects as they were last emitted: a digest per object that has errors.

The sweep compares with this, and emits only what delta did not. It survives a restart in
checkpoint parts, for an error that vanished while we were away would otherwise never be taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from producers.graph.collections import ERRORS
from producers.saved import texts_of
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.contracts.facts import Fact, Operation

_BUCKET_CHARACTERS = 1  # of the id, so 16 parts: a few kB each at a thousand objects with errors


class ErrorsSeen:
    """The errors emitted so far of one collection's objects. part: the checkpoint part's name."""

    def __init__(self, source: str, part: str) -> None:
        self._source = source
        self._part = part
        self._digests: dict[str, str] = {}
        self._dirty: set[str] = set()
        self._since_asked: set[str] = set()

    def ask(self) -> None:
        """Begin to note of which objects something is emitted: an answer to what is asked now may be older."""
        self._since_asked = set()

    @property
    def newer(self) -> frozenset[str]:
        """The objects of whose errors something was emitted since `ask`."""
        return frozenset(self._since_asked)

    def note(self, fact: Fact) -> None:
        """Remember what `fact` says of its object's errors, if anything."""
        self._since_asked.add(fact.object_id)
        if fact.op is Operation.DELETED:
            self._set(fact.object_id, None)
        elif fact.full or any(name in fact.attributes for name in ERRORS):
            self._set(fact.object_id, digest(fact.attributes))

    def differs(self, object_id: str, errors: Mapping[str, Any]) -> bool:
        """Whether `errors` (by property) is not what was emitted last."""
        return self._digests.get(object_id) != digest(errors)

    def ids(self) -> Iterator[str]:
        """The objects that have errors, as last emitted."""
        return iter(list(self._digests))

    def changes(self, seq: int, ts_ms: int) -> list[Checkpoint]:
        """The parts that changed since the last call."""
        dirty, self._dirty = self._dirty, set()
        parts: dict[str, dict[str, str]] = {bucket: {} for bucket in sorted(dirty)}
        for object_id, seen in self._digests.items():
            bucket = object_id[:_BUCKET_CHARACTERS]
            if bucket in parts:
                parts[bucket][object_id] = seen
        return [
            Checkpoint(
                source=self._source,
                part=f"{self._part}/{bucket}",
                seq=seq,
                ts_ms=ts_ms,
                position={"digests": digests} if digests else {},
            )
            for bucket, digests in parts.items()
        ]

    def restore(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Take back the saved parts; those of others are ignored."""
        self._digests, self._dirty = {}, set()
        for saved in checkpoints:
            if saved.source == self._source and saved.part.startswith(f"{self._part}/"):
                self._digests |= texts_of(saved.position.get("digests"))

    def _set(self, object_id: str, seen: str | None) -> None:
        if self._digests.get(object_id) == seen:
            return
        if seen is None:
            del self._digests[object_id]
        else:
            self._digests[object_id] = seen
        self._dirty.add(object_id[:_BUCKET_CHARACTERS])


def digest(errors: Mapping[str, Any]) -> str | None:
    """A short digest of both error lists; None if there is no error. The order of the lists does not count."""
    lists = [sorted(encode(entry) for entry in errors.get(name) or []) for name in ERRORS]
    if not any(lists):
        return None
    return hashlib.sha256(b"\0".join(b"\n".join(entries) for entries in lists)).hexdigest()[:16]
