"""Who is whose manager, as delta tells it: a user whose manager changed, with the id of the new one or the old.

Source: Microsoft Graph, "Use delta query to track changes": `$select` takes `manager` of users, and the answer names it
under `manager@delta`. What the answer holds where a manager is replaced is not documented; here it is the new one.
"""

from __future__ import annotations

from deploy.lab.entra.change_log import Entry
from deploy.lab.entra.collection import Collection


class Managers:
    """The manager links of one tenant, and the last one that each user has lost."""

    def __init__(self, users: Collection) -> None:
        self._users = users
        self._manager: dict[str, str] = {}
        self._lost: dict[str, str] = {}

    def of(self, user_id: str) -> str | None:
        """The id of a user's manager."""
        return self._manager.get(user_id)

    def __len__(self) -> int:
        return len(self._manager)

    def change(self, user: Entry, manager: str | None) -> None:
        """Give a user this manager, or none."""
        before = self._manager.get(user.id)
        if before == manager:
            return
        if before is not None:
            self._lost[user.id] = before
        if manager is None:
            del self._manager[user.id]
        else:
            self._manager[user.id] = manager
        self._users.touch(user, ("manager",))

    def drop(self, object_id: str) -> None:
        """Forget the links from and to an object that goes."""
        self._manager.pop(object_id, None)
        for user_id in [user_id for user_id, manager in self._manager.items() if manager == object_id]:
            entry = self._users.live(user_id)
            if entry is not None:
                self.change(entry, None)

    def told(self, user: Entry, since: int) -> tuple[str, bool] | None:
        """What a round since then hears: the manager, or the one that was lost; None where that is no news."""
        manager, lost = self._manager.get(user.id), self._lost.get(user.id)
        if user.created > since or user.moved > since:
            return (manager, True) if manager else None
        if (user.stamps or {}).get("manager", 0) <= since:
            return None
        return (manager, True) if manager else (lost, False) if lost else None
