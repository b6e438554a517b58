"""What a record of the findings, the actions or the dead letter topic says, for sinks and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from streams.contracts.actions import Action, parse_key, read_action
from streams.contracts.codec import decode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import InvalidRecordError
from streams.contracts.finding import Finding
from streams.contracts.topics import ACTIONS, DEADLETTERS


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The finding with this id is forgotten (its retention after being resolved has passed)."""

    finding_id: str


@dataclass(frozen=True, slots=True)
class ActionTombstone:
    """This action is forgotten."""

    finding_id: str
    action_id: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no finding, no action and no dead letter; `reason` as in InvalidRecordError."""

    reason: str
    message: str


Entry = Finding | Tombstone | Action | ActionTombstone | DeadLetter | Unreadable


def entry_of(topic: str, key: bytes | None, value: bytes | None) -> Entry:
    """What a record of `topic` says. Never raises: what cannot be read becomes Unreadable."""
    try:
        if topic == DEADLETTERS.name:
            return decode(value, DeadLetter)
        if topic == ACTIONS.name:
            return ActionTombstone(*parse_key(key)) if value is None else read_action(key, value)
        if value is None:
            return Tombstone(_finding_id(key))
        finding = decode(value, Finding)
        if key is not None and _finding_id(key) != finding.id:
            raise InvalidRecordError("wrong_key", f"finding {finding.id} stands under another key")
        return finding
    except InvalidRecordError as error:
        return Unreadable(error.reason, str(error))


def _finding_id(key: bytes | None) -> str:
    try:
        return (key or b"").decode() or _refuse()
    except UnicodeDecodeError:
        return _refuse()


def _refuse() -> str:
    raise InvalidRecordError("wrong_key", "a record of the findings topic has no readable key")
