"""Directory Synchronization: password hash synchronisation. (Cycles and exports: engine_cycle.)

Details: 656 and 657 "distinguished_name", "change_on_logon" (whether
the user must change it); failures "domain", "domain_controller", "error_code" (of RPC or of the service, "8453");
wherever an event names its forest "partition", the forest's DNS name in lower case, and "connector_id".

Ids: 653/654 the ping of idle times begins and ends, 650/651 a batch, 656/657 each user's request and result; 663 the
manager lives. What begins proves nothing; what ends has spoken with Entra ID.

Source: Microsoft, "How to troubleshoot password synchronization when using Microsoft Entra Connect" (KB 2855271: ids
and texts), "RPC errors affecting Microsoft Entra Connect" (611); the scripts
EventViewerX AADSyncProvisionCredentialsPing.cs (<forest-info>) and Get-EntraConnectPasswordSyncEvents.ps1 (656, 657:
the prefix stands on each user's line, PwdChangeOnLogon).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from producers.eventlog.text import ANCHOR, GUID, first, present, reason_of
from producers.eventlog.windows import INFORMATION, VERBOSE, WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result

_REQUEST, _RESULT = 656, 657
_SUCCEEDED = frozenset({622, 623, 651, 654})
_FAILED = frozenset({603, 604, 607, 609, 610, 611, 612, 615, 621, 652, 655, 662, 664, 665, 666, 667, 6900})
# Microsoft: 1-50 users in one event; more than that is no text of theirs.
_MOST_USERS = 200
_LONGEST_LINE = 3_000
_LONGEST_TEXT = 32_000
"""An event's string holds 31,839 characters at most (Windows, ReportEvent)."""

_FOREST = re.compile(r"<partition-name>[ \t]{0,5}([\w.-]{1,255})[ \t]{0,5}</partition-name>", re.IGNORECASE)
_CONNECTOR = re.compile(rf"<connector-id>[ \t]{{0,5}}\{{?({GUID})", re.IGNORECASE)
_USER = re.compile(rf"(?:password change re(?:quest|sult) ?- ?)?anchor ?: ?({ANCHOR}) ?,? ?(?:dn ?: ?)?", re.IGNORECASE)
# A comma within the name of an object is escaped in its DN, the format's own are not; and its end ends the line.
_CHANGED = re.compile(r"(?<!\\), ?change date ?:[^,\n]{0,60}$", re.IGNORECASE)
_OUTCOME = re.compile(r"(?:^|(?<!\\), ?)result ?: ?([a-z]{1,40})[.,]{0,2} ?(?:$|extended error)", re.IGNORECASE)
_ON_LOGON = re.compile(r"(?:^|(?<!\\), ?)pwdchangeonlogon ?= ?(true|false)$", re.IGNORECASE)
_DOMAIN = re.compile(r"\bsynchronization failed for domain: ?([\w.-]{1,255})", re.IGNORECASE)
_CONTROLLER = re.compile(r"\bdomain controller hostname: ?([\w.-]{1,255})", re.IGNORECASE)
_SAYS_FAILED = re.compile(
    r"\A(?:password(?: hash)? synchronization failed for domain|failed credential provisioning)|\berror ?code: ?\d",
    re.IGNORECASE,
)
_ERROR_CODE = re.compile(r"\b(?:rpc error|error ?code:) ?(\d{1,10})\b", re.IGNORECASE)


def read(event: WindowsEvent) -> list[Statement]:
    """What an event says: of each user where it is about several, else one thing."""
    event_id, text, result = event.id, event.text[:_LONGEST_TEXT], _result(event)
    if event_id in (_REQUEST, _RESULT):
        users = list(_users(event_id, text))
        if users:
            return users
    failed = event_id in _FAILED
    details = {
        **_forest(text),
        "domain": first(_DOMAIN, text) if failed else None,
        "domain_controller": first(_CONTROLLER, text) if failed else None,
        "error_code": first(_ERROR_CODE, text) if failed else None,
    }
    return [Statement(result=result, reason=event.reason, details=present(details))]


def _users(event_id: int, text: str) -> Iterator[Statement]:
    """One line each; the forest that follows it is its own."""
    forest: dict[str, str | None] = {}
    found: list[Statement] = []
    for line in reversed(text.split("\n")):
        forest = {**forest, **{name: value for name, value in _forest(line).items() if value is not None}}
        start = _USER.match(line[:_LONGEST_LINE].strip())
        if start is not None:
            found.append(_user(event_id, start[1], line[:_LONGEST_LINE].strip()[start.end() :], forest))
    yield from found[: -_MOST_USERS - 1 : -1]


def _user(event_id: int, anchor: str, rest: str, forest: dict[str, str | None]) -> Statement:
    """`rest`: of a line, what follows the anchor."""
    end = (_OUTCOME if event_id == _RESULT else _CHANGED).search(rest)
    name, after = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    on_logon = _ON_LOGON.search(name)
    name = (name[: on_logon.start()] if on_logon else name).strip()
    result = _outcome(end[1]) if end and event_id == _RESULT else None
    return Statement(
        result=result,
        reason=reason_of(after.lstrip(", ")) if result is Result.FAILURE else None,
        source_anchor=anchor,
        details=present(
            {
                **forest,
                "distinguished_name": name or None,
                "change_on_logon": on_logon[1].lower() == "true" if on_logon else None,
            }
        ),
    )


def _outcome(word: str) -> Result:
    """Other words than success and failed exist (RetryRequestedByTarget …): none of them is a synchronised password."""
    return Result.SUCCESS if word.lower() == "success" else Result.FAILURE


def _forest(text: str) -> dict[str, str | None]:
    """Of the <forest-info> at an event's end: DNS names come in either case."""
    named, connector_id = first(_FOREST, text), first(_CONNECTOR, text)
    return {
        "partition": named.lower() if named else None,
        "connector_id": connector_id.lower() if connector_id else None,
    }


def _result(event: WindowsEvent) -> Result | None:
    if event.id in _SUCCEEDED:
        return Result.SUCCESS
    if event.id not in _FAILED:
        return None
    # Where the log itself calls it no fault the id proves nothing: the manager stops with its service, too (609).
    is_remark = event.level in (INFORMATION, VERBOSE) and _SAYS_FAILED.search(event.text) is None
    return None if is_remark else Result.FAILURE
