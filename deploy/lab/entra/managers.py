"""Who is whose manager, as delta tells it: a user whose manager changed, with the id of the new one or the old.

Source: Microsoft Graph, "Use delta query to track changes": `$select` takes `manager` of users, and the answer names it
under `manager@delta`. What the answer holds where a manager is replaced is not documented; here it is the new one.
"""

from __future__ import annotations

from deploy.lab.entra.change_log import Entry
from deploy.lab.entra.collection import Collection


class Managers:
    """The manager links of one tenant, and those that users have lost, with the number of that change."""

    def __init__(self, users: Collection) -> None:
        self._users = users
        self._manager: dict[str, str] = {}
        self._lost: dict[str, dict[str, int]] = {}

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
        if manager is None:
            del self._manager[user.id]
        else:
            self._manager[user.id] = manager
        seq = self._users.touch(user, ("manager",))
        if before is not None:
            self._lost.setdefault(user.id, {})[before] = seq

    def drop(self, object_id: str) -> None:
        """Forget the links from and to an object that goes."""
        for user_id in [user_id for user_id, manager in self._manager.items() if object_id in (user_id, manager)]:
            entry = self._users.live(user_id)
            if entry is not None:
                self.change(entry, None)

    def told(self, user: Entry, since: int, began: int) -> list[tuple[str, bool]]:
        """What a round since then hears: the manager, or those that were lost; nothing where that is no news.

        began: the newest change when the round began: an earlier page of it may have told of a manager lost since.
        """
        manager = self._manager.get(user.id)
        if manager is not None:
            changed = max(user.created, user.moved, (user.stamps or {}).get("manager", 0))
            return [(manager, True)] if changed > since else []
        heard = max(since, began) if user.created > since else since
        return [(lost, False) for lost, seq in self._lost.get(user.id, {}).items() if seq > heard]
