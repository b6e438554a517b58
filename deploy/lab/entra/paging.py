"""`$top`, `$skiptoken` and nextLinks of plain lists (delta has its own tokens)."""

from __future__ import annotations

import base64
import binascii
from typing import NoReturn

from deploy.lab.entra.messages import Call, bad_request


def page_size(call: Call, *, default: int, limit: int) -> int:
    """Read `$top`, which Graph refuses beyond the limit of the resource."""
    text = call.options.get("top")
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= limit:
        bad_request(
            f"Invalid page size specified: '{text}'. Must be between 1 and {limit} inclusive.",
            "Request_UnsupportedQuery",
        )
    return int(text)


def page_position(call: Call) -> int:
    """Read where `$skiptoken` says to go on, 0 at the start."""
    token = call.options.get("skiptoken", "")
    if not token:
        return 0
    try:
        generation, _, position = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition(":")
        number = int(position)
    except (binascii.Error, ValueError):
        bad_request("Badly formed token.")
    if generation != call.tenant.generation:
        page_token_expired()
    return number


def page_token_expired() -> NoReturn:
    """Refuse a nextLink that is too old."""
    message = "The specified page token value has expired and can no longer be included in your request."
    bad_request(message, "Directory_ExpiredPageToken")


def next_link(call: Call, position: int) -> str:
    """Return a nextLink to `position` that repeats the other options."""
    token = base64.urlsafe_b64encode(f"{call.tenant.generation}:{position}".encode()).decode().rstrip("=")
    options = {name: text for name, text in call.options.items() if name != "skiptoken"}
    return call.link(call.path, {**options, "skiptoken": token})
