"""Actions: what people do with findings, as the compacted topic of actions carries it.

Each action is a record of its own, under a key of its own (`key_of`): compaction can replace an action only by itself,
so that an acceptance stays until somebody's tombstone, whatever was said of that finding afterwards. Had the key been
the finding's id, the next comment would have taken the acceptance with it. One partition keeps the order in which
things were said; what an action means for a finding today is a fold over that order (sinks/actions/fold.py).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError

_LAST_MS = 253_402_300_799_999  # the year 9999 ends

ActionId = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{8,64}\Z")]
FindingId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Milliseconds = Annotated[int, Meta(ge=0, le=_LAST_MS)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(min_length=1, max_length=4000)]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s\"'<>\\]+\Z", max_length=2000)]
"""A page of the web and nothing else: it becomes a link on a page of ours."""

KnownBy = Literal["login", "proxy", "token", "account", "word"]
"""How we know who: signed in, told by a trusted proxy, a machine's token, an account of this machine, or what somebody
said of himself at a desk without a login."""
Channel = Literal["page", "api", "command"]


class Acknowledge(msgspec.Struct, frozen=True, tag_field="do", tag="acknowledge"):
    """Somebody has seen it."""


class Assign(msgspec.Struct, frozen=True, tag_field="do", tag="assign", kw_only=True):
    """It is somebody's; `owner` None: nobody's any more."""

    owner: Name | None


class Comment(msgspec.Struct, frozen=True, tag_field="do", tag="comment", kw_only=True):
    """A note; changes nothing else."""

    text: Text


class Accept(msgspec.Struct, frozen=True, tag_field="do", tag="accept", kw_only=True):
    """It may stand until a time, for a reason."""

    until_ms: Milliseconds
    reason: Text


class Reopen(msgspec.Struct, frozen=True, tag_field="do", tag="reopen", kw_only=True, omit_defaults=True):
    """It needs somebody again: whatever was accepted, acknowledged or assigned before is over."""

    reason: Annotated[str, Meta(max_length=4000)] = ""


class LinkTicket(msgspec.Struct, frozen=True, tag_field="do", tag="link_ticket", kw_only=True):
    """Somebody else's system follows it, too. system: "ServiceNow"; key: "INC0012345"."""

    system: Annotated[str, Meta(min_length=1, max_length=64)]
    key: Annotated[str, Meta(min_length=1, max_length=128)]
    url: Url


Deed = Acknowledge | Assign | Comment | Accept | Reopen | LinkTicket


class Action(msgspec.Struct, frozen=True, tag_field="type", tag="action", kw_only=True):
    """One person (or machine) did one thing to one episode of one finding.

    id:        whoever repeats it, repeats the same one.
    opened_ms: of the episode that was looked at (`Finding.stands_since`): an action holds for that one alone.
    who, known_by: by what name, and how we know it.
    channel, address: from where: a network address, or the host of a command line.
    """

    id: ActionId
    finding: FindingId
    opened_ms: Milliseconds
    at_ms: Milliseconds
    who: Name
    known_by: KnownBy
    channel: Channel
    address: Annotated[str, Meta(max_length=256)]
    what: Deed
    schema_version: int = 1


def key_of(action: Action) -> str:
    """The record's key: "<finding>/<action>"."""
    return f"{action.finding}/{action.id}"


def read_action(key: bytes | None, value: bytes) -> Action:
    """The action in a record. Raises InvalidRecordError: a wrong shape, or under a key that is not its own."""
    action = decode(value, Action)
    if key != key_of(action).encode():
        raise InvalidRecordError("wrong_key", f"action {action.id} stands under another key")
    return action


def parse_key(key: bytes | None) -> tuple[str, str]:
    """(finding, action) of a key. Raises InvalidRecordError."""
    finding, slash, action = (key or b"").decode("ascii", "replace").partition("/")
    if not (finding and slash and action):
        raise InvalidRecordError("wrong_key", "a record of the topic of actions has no readable key")
    return finding, action
