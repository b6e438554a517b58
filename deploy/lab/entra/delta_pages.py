"""Compute one page of a delta round from the change log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import orjson

from deploy.lab.entra.change_log import LIVE, SOFT_DELETED, ChangeLog, Entry
from deploy.lab.entra.collection import Collection
from deploy.lab.entra.delta_token import DeltaRound
from deploy.lab.entra.schema import shown
from deploy.lab.entra.tenant import TenantStore

_EXAMINE: Final = 50_000  # entries looked at for one page, so that no request holds the server up


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How much one page may hold; Graph chooses, clients cannot."""

    objects: int = 200
    members: int = 1000


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a client is allowed to see of the changes: see `faults.Faults`."""

    horizon: int | None = None
    unnoticed: frozenset[str] = frozenset()
    hides: Callable[[str], bool] | None = None
    restore_needs_select: bool = False


class DeltaPage:
    """Items of one page, and the round as it stands after them; `done` says the round is over."""

    def __init__(self, tenant: TenantStore, delta_round: DeltaRound, limits: PageLimits, seen: Visibility) -> None:
        self.items: list[dict[str, Any]] = []
        self.round = delta_round
        self.done = False
        self._tenant = tenant
        self._collection: Collection = tenant.collections[delta_round.kind]
        if delta_round.position == delta_round.since and not delta_round.offset:
            self.round = replace(delta_round, began=self._collection.log.last)
        self._limits, self._seen = limits, seen
        self._names = frozenset(delta_round.select or self._collection.schema.defaults)
        self._members = delta_round.kind == "group" and (delta_round.select is None or "members" in delta_round.select)
        self._managers = delta_round.kind == "user" and (delta_round.select is None or "manager" in delta_round.select)
        links = ({"members"} if self._members else set()) | ({"manager"} if self._managers else set())
        self._tracked = (self._names | links) - seen.unnoticed
        self._wanted = None if delta_round.ids is None else frozenset(delta_round.ids)
        self._plans: dict[tuple[str, ...], list[tuple[str, int]]] = {}
        self._members_left = limits.members
        self._fill()

    def _fill(self) -> None:
        log, start = self._collection.log, self.round
        first = start.position - 1 if start.offset else start.position
        examined, position = 0, start.position
        for entry in log.after(first):
            if self._seen.horizon is not None and entry.seq > self._seen.horizon:
                break
            resumed = start.offset if entry.seq == start.position else 0
            position, examined = entry.seq, examined + 1
            if self._told(entry, start):
                offset = self._add(entry, resumed)
                if offset:
                    self.round = replace(start, position=position, offset=offset)
                    return
                if len(self.items) >= self._limits.objects or self._members_left <= 0:
                    break
            if examined >= _EXAMINE:
                break
        else:
            self.done = True
        if self._seen.horizon is not None and not self._more(log, position):
            self.done = True
        self.round = replace(start, position=position, offset=0)

    def _more(self, log: ChangeLog, position: int) -> bool:
        following = next(log.after(position), None)
        return following is not None and following.seq <= (self._seen.horizon or 0)

    def _told(self, entry: Entry, start: DeltaRound) -> bool:
        if self._wanted is not None and entry.id not in self._wanted:
            return False
        if start.full and self._seen.hides is not None and self._seen.hides(entry.id):
            return False
        if (
            self._seen.restore_needs_select
            and entry.state == LIVE
            and entry.created <= start.since < entry.moved
            and start.select is not None
            and not {"deletedDateTime", "userPrincipalName"} & self._names
        ):
            return False
        return entry.changed_since(start.since, self._tracked)

    def _add(self, entry: Entry, resumed: int) -> int:
        """Append the item of an entry; return the member offset to resume from, 0 if complete."""
        if entry.state != LIVE:
            reason = "changed" if entry.state == SOFT_DELETED else "deleted"
            self.items.append({"id": entry.id, "@removed": {"reason": reason}})
            return 0
        item = self._item(entry)
        self.items.append(item)
        managers = self._tenant.managers.told(entry, self.round.since, self.round.began) if self._managers else []
        if managers:
            item["manager@delta"] = [self._link(*manager) for manager in managers]
        return self._add_members(entry, item, resumed) if self._members else 0

    def _item(self, entry: Entry) -> dict[str, Any]:
        plan = self._plans.get(entry.shape)
        if plan is None:
            plan = [(name, at) for at, name in enumerate(entry.shape) if name in self._names]
            self._plans[entry.shape] = plan
        values = orjson.loads(entry.blob)
        since, stamps = self.round.since, entry.stamps or {}
        if self.round.minimal and entry.created <= since and entry.moved <= since:
            plan = [(name, at) for name, at in plan if stamps.get(name, 0) > since]
        item = {"id": entry.id}
        for name, at in plan:
            item[name] = values[at]
        if "onPremisesExtensionAttributes" in item:
            name = "onPremisesExtensionAttributes"
            item[name] = shown(name, item[name])
        return item

    def _add_members(self, entry: Entry, item: dict[str, Any], resumed: int) -> int:
        members, since = self._tenant.members, self.round.since
        room = max(1, self._members_left)
        if entry.created > since:
            # New to the client, unless an earlier page of this round told it with members that have left meanwhile.
            part = list(islice(members.whole(entry.id, max(since, self.round.began)), resumed, resumed + room + 1))
        elif entry.moved > since:
            # Restored: told whole, and to a client that never heard of the deletion also who left since.
            part = list(islice(members.whole(entry.id, since), resumed, resumed + room + 1))
        elif (entry.stamps or {}).get("members", 0) > since:
            part = list(islice(members.since(entry.id, since), resumed, resumed + room + 1))
        else:
            return 0
        sent = part[:room]
        if sent:
            item["members@delta"] = [self._link(member, present) for member, present in sent]
        self._members_left -= len(sent)
        return resumed + len(sent) if len(part) > room else 0

    def _link(self, member: str, present: bool) -> dict[str, Any]:
        kind = self._tenant.kind_of(member) or "user"
        link: dict[str, Any] = {"@odata.type": self._tenant.collections[kind].schema.odata_type, "id": member}
        if not present:
            link["@removed"] = {"reason": "deleted"}
        return link
