"""What somebody asks to be done, as forms, API and command line send it, and the deed that it becomes. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from streams.contracts.actions import Accept, Acknowledge, Assign, Comment, Deed, LinkTicket, Reopen
from streams.contracts.codec import convert
from streams.contracts.errors import InvalidRecordError
from streams.contracts.times import parse_rfc3339

LONGEST_ACCEPTANCE_S = 366 * 86400
"""An acceptance without an end would be a blind spot."""
_DEEDS = {
    "acknowledge": Acknowledge, "assign": Assign, "comment": Comment, "accept": Accept, "reopen": Reopen,
    "link_ticket": LinkTicket,
}  # fmt: skip
_SHAPE: Any = Deed


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deed. do: acknowledge, assign, comment, accept, reopen, link_ticket; then what belongs to it.

    owner: whose it is to be, "" nobody's. until: a date, for its whole day (UTC), or a time (RFC 3339).
    id: whoever sends the same twice has done it once; "": a new one. who: where nobody is signed in.
    opened_at: the episode that was looked at; "": the latest.
    """

    do: str
    owner: str = ""
    text: str = ""
    until: str = ""
    reason: str = ""
    system: str = ""
    key: str = ""
    url: str = ""
    id: str = ""
    who: str = ""
    opened_at: str = ""


def deed_of(wanted: Wanted, now_ms: int) -> Deed:
    """What is to be done. Raises InvalidRecordError, in words for whoever asked."""
    if wanted.do not in _DEEDS:
        raise InvalidRecordError("value", f"there is no action {wanted.do!r}: one of {', '.join(_DEEDS)}")
    for name in {"comment": ("text",), "accept": ("until", "reason"), "link_ticket": ("system", "key", "url")}.get(
        wanted.do, ()
    ):
        if not getattr(wanted, name).strip():
            raise InvalidRecordError("value", f"{wanted.do.replace('_', ' ')}: {name} is missing")
    document: dict[str, object] = {"do": wanted.do}
    match wanted.do:
        case "assign":
            document["owner"] = wanted.owner.strip() or None
        case "comment":
            document["text"] = wanted.text.strip()
        case "accept":
            document |= {"until_ms": _until(wanted.until.strip(), now_ms), "reason": wanted.reason.strip()}
        case "reopen":
            document["reason"] = wanted.reason.strip()
        case "link_ticket":
            document |= {name: getattr(wanted, name).strip() for name in ("system", "key", "url")}
            if not wanted.url.strip().startswith(("https://", "http://")):
                raise InvalidRecordError("value", "link ticket: url is no web address, as in https://example.com/INC1")
    deed: Deed = convert(document, _SHAPE)
    return deed


def _until(text: str, now_ms: int) -> int:
    try:
        until_ms = parse_rfc3339(text if "T" in text else f"{date.fromisoformat(text)}T23:59:59Z")
    except ValueError:
        raise InvalidRecordError("value", "until is no date, as in 2027-03-31") from None
    if until_ms <= now_ms:
        raise InvalidRecordError("value", "until has passed already")
    if until_ms > now_ms + LONGEST_ACCEPTANCE_S * 1000:
        raise InvalidRecordError("value", "until is more than a year ahead: accept it for a year, and look again")
    return until_ms
