"""What a delta link remembers. The server keeps nothing per client: the token says it all.

Tokens are opaque to clients. They name the generation of the tenant store, so that a lab
which was restarted (and forgot everything) answers like a service that lost the sync state.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from deploy.lab.entra.graph_time import DAY_MS
from deploy.lab.entra.messages import GraphError, bad_request
from deploy.lab.entra.schema import Kind
from deploy.lab.entra.tenant import TenantStore

LIFE_MS: Final = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class DeltaRound:
    """One pass over a collection, up to a place in it.

    `since`: the client knows everything up to this sequence number; `position`: how far this
    pass has come; `offset`: members already sent of the group at `position`; `select`: the
    tracked properties, None for the defaults; `ids`: the only objects wanted; `began`: the newest change when the
    round began: who left a group since then may have been told as its member.
    """

    kind: Kind
    since: int
    position: int
    full: bool
    issued_ms: int
    offset: int = 0
    minimal: bool = False
    select: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    began: int = 0

    def ended(self, now_ms: int) -> DeltaRound:
        """Return what the deltaLink carries: the next round starts where this one stopped."""
        return replace(self, since=self.position, offset=0, full=False, minimal=False, issued_ms=now_ms)


def encode(delta_round: DeltaRound, tenant: TenantStore) -> str:
    """Return the token for a place in a round."""
    r = delta_round
    fields = [tenant.generation, r.kind, r.since, r.position, r.full, r.issued_ms, r.offset, r.minimal, r.began]
    return base64.urlsafe_b64encode(orjson.dumps([*fields, r.select, r.ids])).decode().rstrip("=")


def decode(token: str, kind: Kind, tenant: TenantStore) -> DeltaRound:
    """Read a token.

    Raises:
        GraphError: 400 BadRequest for what was never a token of this collection; 400
            syncStateNotFound for one that is older than seven days of lab time or belongs to a
            store that is no more.
    """
    try:
        padded = token + "=" * (-len(token) % 4)
        fields: list[Any] = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        generation, own, since, position, full, issued, offset, minimal, began, select, ids = fields
    except (binascii.Error, ValueError, TypeError):
        bad_request("Badly formed token.")
    if own != kind or not all(isinstance(n, int) for n in (since, position, issued, offset, began)):
        bad_request("Badly formed token.")
    if generation != tenant.generation or tenant.clock() - issued > LIFE_MS:
        raise sync_state_not_found()
    return DeltaRound(
        kind,
        since,
        position,
        full,
        issued,
        offset,
        minimal,
        None if select is None else tuple(select),
        None if ids is None else tuple(ids),
        began,
    )


def sync_state_not_found() -> GraphError:
    """Return the refusal of an expired delta token (Microsoft 365 developer blog, 2020)."""
    message = "The sync state generation is not found. The delta token is expired and data must be synchronized again."
    return GraphError(400, "syncStateNotFound", message)
