"""What a group goes by among those that hold a member: its SID; of one that the cloud writes into AD its id there.

A written group has a copy in each forest: where members of one forest are added up, its forest is part of the name.
"""

from __future__ import annotations

from typing import NamedTuple

_WRITTEN, _OF_FOREST = "Group_", "@"


class Sid(NamedTuple):
    """A group of AD, in both directories."""

    sid: str

    def __str__(self) -> str:
        return self.sid


class CloudGroup(NamedTuple):
    """A group of the cloud that is written into AD; forest: of one of its copies, "" where that is not known."""

    entra_id: str
    forest: str | None = None

    def __str__(self) -> str:
        return f"{_WRITTEN}{self.entra_id}" + (f"{_OF_FOREST}{self.forest}" if self.forest is not None else "")


GroupName = Sid | CloudGroup


def group_name(text: str) -> GroupName:
    """The name in a contributor, a key or a message."""
    if not text.startswith(_WRITTEN):
        return Sid(text)
    entra_id, of_forest, forest = text.removeprefix(_WRITTEN).partition(_OF_FOREST)
    return CloudGroup(entra_id, forest if of_forest else None)
