"""How far a naming context was read, and when that is worth nothing any more. Pure.

A cookie is only as good as the database that issued it. Samba accepts a cookie of another domain (a silent
full pass) and one that lies ahead of a rolled-back database (silent loss): so the source compares itself.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from producers.ad.attributes import DEFAULT
from producers.ad.root_dse import ServerIdentity
from producers.saved import past_ms


@dataclass(slots=True)
class Position:
    """What is saved per naming context.

    servers:    dsServiceName -> (invocationId, highestCommittedUSN) of every server that was read from.
    complete:   the first snapshot has been read to its end.
    contact_ms: when the directory last answered; older than the tombstone lifetime means missed deletions.
    swept_ms:   when the last reconciliation ended.
    again:      the full pass under way was ordered, so that what is gone is told again, too.
    selection:  which attributes were asked for (producers.ad.attributes.Watched).
    """

    naming_context: str
    domain_guid: str = ""
    cookie: bytes = b""
    servers: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    complete: bool = False
    contact_ms: int = 0
    swept_ms: int = 0
    again: bool = False
    selection: str = DEFAULT.selection

    def to_json(self) -> dict[str, Any]:
        """The form a checkpoint carries."""
        return {
            "naming_context": self.naming_context,
            "domain_guid": self.domain_guid,
            "cookie": base64.b64encode(self.cookie).decode("ascii"),
            "servers": {name: list(seen) for name, seen in self.servers.items()},
            "complete": self.complete,
            "contact_ms": self.contact_ms,
            "swept_ms": self.swept_ms,
            **({"again": True} if self.again else {}),
            "selection": self.selection,
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Position:
        """What was saved; anything unreadable in it means: begin again."""
        position = cls(str(saved.get("naming_context", "")))
        try:
            position.cookie = base64.b64decode(saved["cookie"], validate=True)
            position.servers = {
                str(name): (None if seen[0] is None else str(seen[0]), int(seen[1]))
                for name, seen in saved["servers"].items()
            }
            position.domain_guid = str(saved["domain_guid"])
            position.complete = bool(saved["complete"])
            position.contact_ms = past_ms(saved["contact_ms"])
            position.swept_ms = past_ms(saved["swept_ms"])
            position.again = saved.get("again") is True
            position.selection = str(saved.get("selection", ""))
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, binascii.Error):
            return cls(position.naming_context)
        # How long deletions may have gone unheard is known no more: as if nothing had been read.
        return cls(position.naming_context) if saved["contact_ms"] != position.contact_ms else position

    def fault(
        self,
        identity: ServerIdentity,
        domain_guid: str,
        highest_usn: int,
        now_ms: int,
        tombstone_lifetime_ms: int,
        selection: str = DEFAULT.selection,
    ) -> str | None:
        """Why the cookie must not be used with this server, as the label `reason` of metrics; None if it may."""
        if not self.cookie:
            return None
        if self.domain_guid != domain_guid:
            return "foreign_domain"
        if self.selection != selection:
            return "other_attributes"  # DirSync tells changes alone: what was not asked for so far stays unknown
        seen = self.servers.get(identity.service_name)
        if seen is not None:
            invocation_id, usn = seen
            if invocation_id != identity.invocation_id:
                return "restored_server"
            if highest_usn < usn:
                return "usn_rollback"
        if self.contact_ms and now_ms - self.contact_ms > tombstone_lifetime_ms:
            return "tombstone_lifetime"
        return None
