"""Directory Synchronization: password hash synchronization and what stops an export.

Details: 116 "pending_deletes" and "threshold" (numbers); 656 and 657 "distinguished_name"; 611, 652, 655 and their
like "domain", "connector", "error_code" (of RPC or of the service, e.g. "8439"); 654 "connector".

Source: Microsoft, "Implement password hash synchronization" and "Troubleshoot password hash synchronization": event
ids and texts; "Prevent accidental deletes" (116).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from producers.eventlog.text import ANCHOR, connector, first, present, reason_of
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Said
from streams.contracts.events import Result

_REQUEST, _RESULT = 656, 657
_SUCCEEDED = frozenset({623, 651, 654})
_FAILED = frozenset({603, 604, 607, 610, 611, 612, 615, 621, 652, 655, 662, 664, 665, 666, 667, 6900})
# Microsoft: 1-50 users in one event; more than that is no text of theirs.
_MOST_USERS = 200

_USER = re.compile(r"\banchor[ \t]{0,5}:[ \t]{0,5}", re.IGNORECASE)
_ANCHOR = re.compile(rf"({ANCHOR})")
_DN = re.compile(
    r"\bdn[ \t]{0,5}:[ \t]{0,5}([^\n]*?)(?:,[ \t]{0,5}(?:result|change date|pwdlastset)[ \t]{0,5}:|\n|$)", re.IGNORECASE
)
_OUTCOME = re.compile(r"\bresult[ \t]{0,5}:[ \t]{0,5}([a-z]+)", re.IGNORECASE)
_EXTENDED = re.compile(r"\bextended error[ \t]{0,5}:?[ \t]{0,5}([^\n]+)", re.IGNORECASE)
_DOMAIN = re.compile(r"\bdomain[ \t]{0,5}:[ \t]{0,5}([\w.-]{1,255})", re.IGNORECASE)
_ERROR_CODE = re.compile(
    r"\b(?:rpc error|error ?code|errorcode|code)[ \t]{0,5}[:=]?[ \t]{0,5}(\d{1,10})\b", re.IGNORECASE
)


def read(event: WindowsEvent) -> list[Said]:
    """What an event says: of each user where it is about several, else one thing."""
    event_id, text = event.id, event.text
    if event_id in (_REQUEST, _RESULT):
        users = list(_users(event_id, text))
        if users:
            return users
    details = {"domain": first(_DOMAIN, text), "connector": connector(text), "error_code": first(_ERROR_CODE, text)}
    return [Said(result=_result(event_id), reason=event.reason, details=present(details))]


def _users(event_id: int, text: str) -> Iterator[Said]:
    for part in _USER.split(text)[1 : _MOST_USERS + 1]:
        anchor = _ANCHOR.match(part)
        result = _outcome(part) if event_id == _RESULT else None
        yield Said(
            result=result,
            reason=reason_of(first(_EXTENDED, part) or part.strip()) if result is Result.FAILURE else None,
            source_anchor=anchor.group() if anchor else None,
            details=present({"distinguished_name": first(_DN, part)}),
        )


def _outcome(part: str) -> Result | None:
    """Other words than success and failed exist (RetryRequestedByTarget …): none of them is a synchronised password."""
    word = first(_OUTCOME, part)
    if word is None:
        return None
    return Result.SUCCESS if word.lower() == "success" else Result.FAILURE


def _result(event_id: int) -> Result | None:
    if event_id in _SUCCEEDED:
        return Result.SUCCESS
    return Result.FAILURE if event_id in _FAILED else None
