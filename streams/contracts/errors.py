"""Errors, grouped by how to recover from them.

    SyncHealthError
    ├── SettingsError         stop at start; lists every fault with what to do
    ├── RetriableError        back off and try again (network, throttling, a server that went away)
    ├── InvalidRecordError    dead-letter the record, go on
    ├── CheckpointLostError   the position is worth nothing: full resync
    └── FatalError            stop with a non-zero exit; a person must act

Every message says what happened, where, and what to do. Secrets never enter a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class SyncHealthError(Exception):
    """The root: catch it where a process ends."""


class SettingsError(SyncHealthError):
    """The configuration is wrong. `faults` holds one sentence per fault, each with what to do; `file`: where."""

    def __init__(self, faults: Sequence[str], file: Path | None = None) -> None:
        self.faults, self.file = tuple(faults), file
        super().__init__("\n".join(f"- {fault}" for fault in self.faults))


class RetriableError(SyncHealthError):
    """Try again later. `retry_after_s`: the wait the other side asked for, None if it named none."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class InvalidRecordError(SyncHealthError):
    """This record cannot be used, now or ever. `reason` is a short stable word for metrics and dead letters."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class CheckpointLostError(SyncHealthError):
    """The source no longer accepts our position (cookie refused, deltaLink expired, directory restored)."""


class FatalError(SyncHealthError):
    """Going on would lose or falsify data, or cannot succeed without a person."""
