"""Who is a member of which group, with the time of every join and leave.

Links are stamped with sequence numbers of the group's change log, so that delta can tell
which joined and which left since a token. A leaver is remembered until no token can ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from deploy.lab.entra.change_log import Entry
from deploy.lab.entra.collection import TOMBSTONE_LIFE_MS, Collection
from deploy.lab.entra.graph_time import Clock


class Membership:
    """The member links of all groups of one tenant."""

    def __init__(self, groups: Collection, clock: Clock) -> None:
        self._groups = groups
        self._clock = clock
        self._members: dict[str, dict[str, int]] = {}
        self._left: dict[str, dict[str, int]] = {}
        self._groups_of: dict[str, tuple[str, ...]] = {}
        self._suspended: dict[str, tuple[str, ...]] = {}

    def of(self, group_id: str) -> list[str]:
        """Return the ids of the members, oldest link first."""
        return list(self._members.get(group_id, ()))

    def slice(self, group_id: str, start: int, count: int) -> list[str]:
        """Return some of the members, for paging."""
        return list(islice(self._members.get(group_id, ()), start, start + count))

    def count(self, group_id: str) -> int:
        """Count the members."""
        return len(self._members.get(group_id, ()))

    def groups_of(self, member_id: str) -> tuple[str, ...]:
        """Return the ids of the groups that hold this member directly."""
        return self._groups_of.get(member_id, ())

    def change(self, group: Entry, join: Iterable[str] = (), leave: Iterable[str] = ()) -> bool:
        """Add and remove members in one change; say whether anything changed."""
        members = self._members.setdefault(group.id, {})
        joiners = [m for m in join if m not in members]
        leavers = [m for m in leave if m in members]
        if not joiners and not leavers:
            return False
        seq = self._groups.touch(group, ("members",))
        left = self._left.setdefault(group.id, {})
        for member in leavers:
            del members[member]
            left.pop(member, None)
            left[member] = seq
            self._unlink(member, group.id)
        for member in joiners:
            left.pop(member, None)
            members[member] = seq
            self._groups_of[member] = (*self._groups_of.get(member, ()), group.id)
        self._prune(group.id)
        return True

    def since(self, group_id: str, seq: int) -> Iterator[tuple[str, bool]]:
        """Yield (member id, still a member) for every link that changed after `seq`."""
        for links, joined in ((self._members, True), (self._left, False)):
            for member, at in reversed(links.get(group_id, {}).items()):
                if at <= seq:
                    break
                yield member, joined

    def whole(self, group_id: str, seq: int) -> Iterator[tuple[str, bool]]:
        """Yield (member id, True) for every member, then (member id, False) for everyone who left after `seq`."""
        for member in self._members.get(group_id, ()):
            yield member, True
        for member, at in reversed(self._left.get(group_id, {}).items()):
            if at <= seq:
                break
            yield member, False

    def suspend(self, member_id: str, *, keep: bool) -> None:
        """Take a deleted object out of its groups; `keep` remembers them for its restore."""
        groups = self._groups_of.get(member_id, ())
        for group_id in groups:
            if (group := self._groups.entries.get(group_id)) is not None:
                self.change(group, leave=[member_id])
        self._suspended.pop(member_id, None)
        if keep and groups:
            self._suspended[member_id] = groups

    def resume(self, member_id: str) -> None:
        """Put a restored object back into the groups it was in."""
        for group_id in self._suspended.pop(member_id, ()):
            if (group := self._groups.live(group_id)) is not None:
                self.change(group, join=[member_id])

    def drop_group(self, group_id: str) -> None:
        """Forget the links of a group that is gone for good."""
        for member in self._members.pop(group_id, {}):
            self._unlink(member, group_id)
        self._left.pop(group_id, None)

    def _unlink(self, member_id: str, group_id: str) -> None:
        rest = tuple(g for g in self._groups_of.get(member_id, ()) if g != group_id)
        if rest:
            self._groups_of[member_id] = rest
        else:
            self._groups_of.pop(member_id, None)

    def _prune(self, group_id: str) -> None:
        oldest = self._groups.log.at(self._clock() - TOMBSTONE_LIFE_MS)
        left = self._left[group_id]
        for member in list(islice(left, 64)):
            if left[member] >= oldest:
                break
            del left[member]
        if not left:
            del self._left[group_id]
