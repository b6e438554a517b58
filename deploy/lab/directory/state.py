"""Snapshots of a whole directory, and putting one back: the wrong way to restore a domain controller.

Putting an older state back while the invocationId stays is the USN rollback that Microsoft warns of; together with
`DirectoryStore.simulate_restore_from_backup` it is a proper restore.
"""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.lab.directory.entry import Entry
from deploy.lab.directory.tree import ChangeLog

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

_INDEXES = ("by_guid", "by_account", "by_upn", "by_rid", "deactivated", "_passwords")
_NUMBERS = ("highest_committed_usn", "next_rid")


@dataclass(frozen=True, slots=True)
class State:
    """Everything a directory held at one moment; opaque."""

    entries: list[tuple[Entry, tuple[Any, ...]]]
    indexes: dict[str, dict[Any, Any]]
    numbers: dict[str, int]
    logs: list[ChangeLog]
    invocation_id: uuid.UUID


def save(store: DirectoryStore) -> State:
    """Return the present state; later writes do not touch it."""
    return State(
        [(entry, _slots(entry)) for entry in store.by_guid.values()],
        {name: dict(getattr(store, name)) for name in _INDEXES},
        {name: getattr(store, name) for name in _NUMBERS},
        [context.log.copy() for context in store.tree.contexts],
        store.invocation_id,
    )


def restore(store: DirectoryStore, state: State) -> None:
    """Put `state` back, which `save` took from the same store; it can be put back again later."""
    for entry, slots in state.entries:
        for name, value in zip(Entry.__slots__, slots, strict=True):
            setattr(entry, name, _detached(value))
    for name, index in state.indexes.items():
        setattr(store, name, dict(index))
    for name, number in state.numbers.items():
        setattr(store, name, number)
    for context, log in zip(store.tree.contexts, state.logs, strict=True):
        context.log = log.copy()
    store.invocation_id = state.invocation_id
    store.tree.forget_names()


def _slots(entry: Entry) -> tuple[Any, ...]:
    return tuple(_detached(getattr(entry, name)) for name in Entry.__slots__)


def _detached(value: Any) -> Any:
    """Return a copy of what an entry changes in place: its children, its lists of link sources, its removed links."""
    if isinstance(value, dict):
        return {key: copy.copy(inner) if isinstance(inner, dict | list) else inner for key, inner in value.items()}
    return list(value) if isinstance(value, list) else value
