"""Password operations: what one reset, change or unlock was, put together from whatever told of it.

Three ends tell: Entra's audit log (rows of one correlation id), the Connect server's PasswordResetService and ADSync
(events of one tracking id), and the AD object itself (pwdLastSet). Any of them may be late or missing altogether.
Whether the tracking id is the correlation id is not documented: they join where they are equal, else what is nearest
in time does, within 15 minutes.

An unlock leaves no trace that we read: lockoutTime is not watched, because it changes for everybody at once when
passwords are sprayed, which is when DirSync must not be flooded. An unlock is judged by what the logs say.

Source: Microsoft, "Audit activities"; "Troubleshoot self-service password reset writeback".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from streams.contracts.events import Event, Log, Result
from streams.views.computer import filetime_ms
from streams.views.directory_object import ObjectView, Side
from streams.views.writeback_errors import USERS_OWN, ErrorClass, classify, detail_of, normalised

TOGETHER_MS = 15 * 60_000
CLOCKS_MS = 60_000
"""By how much the clocks of cloud, server and domain controller may differ."""
SOON_MS = 5 * 60_000
"""A password set within this long after an operation's last word is that operation's."""
NO_AGENT = "none"
UNLOCK = "unlock"

_AUDITS = {
    "reset password (self-service)": "reset",
    "change password (self-service)": "change",
    "reset password (by admin)": "admin_reset",
    "unlock user account (self-service)": UNLOCK,
}
_PROGRESS = "passwordresetflowactivityprogress"
_SERVICE = "passwordresetservice/"
_STEPS = {
    "31001": "reset", "31002": "reset", "31003": "reset", "31006": "change", "31007": "change", "31008": "change",
    "31009": "admin_reset", "31010": "admin_reset", "31011": "admin_reset",
}  # fmt: skip
_STARTS, _DONE, _REFUSED = ("31001", "31006", "31009"), ("31002", "31007", "31010"), ("31003", "31008", "31011")
_ENGINE_ERROR = "adsync/6329"
_HASH_ARRIVED = "directory synchronization/657"


@dataclass(frozen=True, slots=True)
class PasswordOperation:
    """One operation on a user's password.

    kind:       reset, change, admin_reset or unlock.
    started_ms, last_ms: of the first and the last word of either log.
    audit, refusal: the newest final audit row; the newest server event that says how it failed.
    server:     how it went on the server, if it tells; server_ms: when it told.
    agent:      "connect", "cloudsync", "none"; None: the audit does not tell, or there is none.
    error:      the class of the failure; OTHER too where there is no failure.
    landed_ms:  when AD had a new password (by pwdLastSet) that no other operation explains better; None: not yet.
    """

    kind: str
    started_ms: int
    last_ms: int
    events: tuple[Event, ...]
    audit: Event | None
    refusal: Event | None
    server: Result | None
    server_ms: int
    agent: str | None
    error: ErrorClass
    detail: str | None
    landed_ms: int | None = None

    @property
    def result(self) -> Result | None:
        """How it went, by the newest word of either log; None: still on its way."""
        if self.audit is None or self.audit.result is None:
            return self.server
        return self.server if self.server is not None and self.server_ms > self.audit.ts_ms else self.audit.result

    @property
    def in_ad(self) -> bool:
        """Whether AD took this very password, as far as the server or the object tell."""
        if self.server is Result.SUCCESS or self.error is ErrorClass.SPLIT:
            return True
        if self.server is not None or self.landed_ms is None or self.error in USERS_OWN:
            return False  # whom AD refuses may change the password by another way a minute later
        return self.landed_ms <= self.last_ms + SOON_MS

    @property
    def split(self) -> bool:
        """AD took it, and the cloud says it did not go well."""
        return self.kind != UNLOCK and self.in_ad and self.audit is not None and self.audit.result is Result.FAILURE

    @property
    def failed(self) -> bool:
        """Whether it failed and the password has not been set since, by whatever hand."""
        later = self.landed_ms is not None and self.landed_ms > self.last_ms
        return (
            self.result is Result.FAILURE
            and not self.split
            and not later
            and self.error is not ErrorClass.NOT_OFFERED
        )


def operations_of(view: ObjectView) -> tuple[PasswordOperation, ...]:
    """The password operations of a user that concern AD, the oldest first."""
    relevant = [event for event in view.events if _is_audit(event) or _is_server(event)]
    if not relevant or not _synchronised(view):
        return ()
    found = [made for made in map(_operation, _grouped(relevant)) if made is not None and made.agent != NO_AGENT]
    found.sort(key=lambda operation: (operation.started_ms, operation.events[0].id))
    return _landed(found, view.ad[0]) if len(view.ad) == 1 else tuple(found)


def latest_password(operations: Sequence[PasswordOperation]) -> PasswordOperation | None:
    """The latest that set, or should have set, a password."""
    return next((operation for operation in reversed(operations) if operation.kind != UNLOCK), None)


def latest_failure(operations: Sequence[PasswordOperation]) -> PasswordOperation | None:
    """The operation that stands failed: the latest of its sort, with nothing later that succeeded."""
    password = latest_password(operations)
    unlock = next((operation for operation in reversed(operations) if operation.kind == UNLOCK), None)
    if unlock is not None and password is not None and password.started_ms >= unlock.started_ms:
        unlock = None  # a reset unlocks too, and whoever failed at it has a newer trouble
    failures = [operation for operation in (password, unlock) if operation is not None and operation.failed]
    return max(failures, key=lambda operation: operation.started_ms, default=None)


def set_ms(side: Side) -> int | None:
    """When AD says the password was last set. 0 means that it must be changed at the next logon: seen by us then."""
    told = side.attributes.get("pwdLastSet")
    return side.changed.get("pwdLastSet") if told == 0 else filetime_ms(told)


def hash_arrived_ms(view: ObjectView) -> int:
    """When password hash synchronisation last brought this user's password to the cloud; 0: not that we know."""
    arrived = [e.ts_ms for e in view.events if e.name == _HASH_ARRIVED and e.result is Result.SUCCESS]
    return max(arrived, default=0)


def _is_audit(event: Event) -> bool:
    return event.log is Log.AUDIT and (event.name in _AUDITS or _is_progress(event))


def _is_progress(event: Event) -> bool:
    return _PROGRESS in normalised(event.name)


def _is_server(event: Event) -> bool:
    number = _number(event)
    return event.log is Log.WINDOWS and (
        event.name == _ENGINE_ERROR
        or (event.name.startswith(_SERVICE) and (number in _STEPS or number.startswith("330")))
    )


def _number(event: Event) -> str:
    return event.name.rpartition("/")[2]


def _synchronised(view: ObjectView) -> bool:
    """Whether the user lives in AD: by either directory, or because a server was asked to write."""
    if view.ad or view.gone or any(side.party.synced for side in view.entra):
        return True
    return not view.entra and any(_is_server(event) for event in view.events)


def _grouped(events: Iterable[Event]) -> list[list[Event]]:
    """Events by operation. Depends on what there is and never on the order in which it came."""
    by_id: dict[str, list[Event]] = {}
    loose: list[Event] = []
    for event in sorted(events, key=lambda event: (event.ts_ms, event.id)):
        name = event.correlation_id if event.log is Log.AUDIT else event.details.get("tracking_id")
        if name:
            by_id.setdefault(str(name).lower(), []).append(event)
        else:
            loose.append(event)
    groups = list(by_id.values())
    for event in loose:
        _add_loose(event, groups)
    joined = [group for group in groups if any(event.log is Log.AUDIT for event in group)]
    servers = [group for group in groups if not any(event.log is Log.AUDIT for event in group)]
    lonely = [group for group in joined if all(event.log is Log.AUDIT for event in group)]
    pairs = sorted(
        (_distance_ms(audit, server), audit[0].ts_ms, audit[0].id, server[0].id, audit, server)
        for audit in lonely
        for server in servers
        if _distance_ms(audit, server) <= TOGETHER_MS and _agree(audit, server)
    )
    taken: set[str] = set()
    left = {server[0].id for server in servers}
    found: dict[str, list[list[Event]]] = {}
    for distance_ms, _, audit_id, server_id, _, server in pairs:
        # Within one flow a user may try several times; from outside it, one attempt is one operation.
        if server_id in left and (audit_id not in taken or distance_ms == 0):
            taken.add(audit_id)
            left.discard(server_id)
            found.setdefault(audit_id, []).append(server)
    whole = [
        sorted((e for part in (group, *found.get(group[0].id, ())) for e in part), key=lambda e: (e.ts_ms, e.id))
        for group in joined
    ]
    return whole + [server for server in servers if server[0].id in left]


def _add_loose(event: Event, groups: list[list[Event]]) -> None:
    """An event without an id: to the nearest group of its own log, or of its own."""
    near = [
        (_distance_ms(group, [event]), group[0].ts_ms, group[0].id, group)
        for group in groups
        if any(each.log is event.log for each in group)
        and _distance_ms(group, [event]) <= TOGETHER_MS
        and _agree(group, [event])
    ]
    begins = _number(event) in _STARTS or event.name in _AUDITS
    if near and not begins:
        group = min(near, key=lambda found: found[:3])[3]
        group.append(event)
        group.sort(key=lambda each: (each.ts_ms, each.id))
    else:
        groups.append([event])


def _distance_ms(one: Sequence[Event], other: Sequence[Event]) -> int:
    """How far apart in time; 0 where they overlap."""
    return max(0, one[0].ts_ms - other[-1].ts_ms, other[0].ts_ms - one[-1].ts_ms)


def _agree(one: Sequence[Event], other: Sequence[Event]) -> bool:
    """Whether both can tell of one operation: neither names a kind that the other does not."""
    ours, theirs = _kinds(one), _kinds(other)
    return not ours or not theirs or bool(ours & theirs)


def _kinds(events: Iterable[Event]) -> set[str]:
    told = (_AUDITS.get(event.name) or _STEPS.get(_number(event)) for event in events)
    return {kind for kind in told if kind is not None}


def _operation(events: list[Event]) -> PasswordOperation | None:
    finals = [event for event in events if event.name in _AUDITS]
    steps = [event for event in events if event.log is Log.WINDOWS]
    progress = [event for event in events if _is_progress(event)]
    audit = finals[-1] if finals else next((e for e in reversed(progress) if _is_failure(e) and _known(e)), None)
    if audit is None and not steps:
        return None  # somebody who only began
    outcomes = [event for event in steps if _number(event) in (*_DONE, *_REFUSED)]
    refusals = [event for event in steps if _number(event) in _REFUSED or not _number(event).startswith("310")]
    told = outcomes[-1] if outcomes else (refusals[-1] if refusals else None)
    server = None if told is None else Result.SUCCESS if _number(told) in _DONE else Result.FAILURE
    refusal = refusals[-1] if refusals and server is Result.FAILURE else None
    error, detail = _why([*reversed(refusals)] if refusal else [], audit, progress)
    agents = [str(event.details["agent"]) for event in events if event.details.get("agent")]
    kinds = _kinds([audit] if audit is not None else ()) or _kinds(outcomes) or _kinds(events) or {"reset"}
    return PasswordOperation(
        kind=sorted(kinds)[0],
        started_ms=events[0].ts_ms,
        last_ms=events[-1].ts_ms,
        events=tuple(events),
        audit=audit,
        refusal=refusal,
        server=server,
        server_ms=told.ts_ms if told is not None else 0,
        # The server was asked: whatever the row says, it was an operation on AD.
        agent=("connect" if steps and (not agents or agents[-1] == NO_AGENT) else agents[-1] if agents else None),
        error=error,
        detail=detail,
    )


def _why(refusals: Iterable[Event], audit: Event | None, progress: list[Event]) -> tuple[ErrorClass, str | None]:
    """The class of the failure: the server knows best, then the final row, then the steps of the flow."""
    words = [*refusals, *([audit] if audit is not None and _is_failure(audit) else ())]
    if words:
        words += [event for event in reversed(progress) if _is_failure(event)]
    for event in words:
        error = _class_of(event)
        if error is not ErrorClass.OTHER:
            details = (detail_of(error, each.reason) for each in words)
            return error, next((detail for detail in details if detail is not None), None)
    return ErrorClass.OTHER, None


def _class_of(event: Event) -> ErrorClass:
    code = event.details.get("error_code") or (_number(event) if event.name.startswith(_SERVICE) else None)
    return classify(code, event.details.get("hresult"), event.reason)


def _is_failure(event: Event) -> bool:
    return event.result is Result.FAILURE


def _known(event: Event) -> bool:
    return _class_of(event) is not ErrorClass.OTHER


def _landed(operations: list[PasswordOperation], side: Side) -> tuple[PasswordOperation, ...]:
    """Give the password that AD has now to the operation that explains it: the last begun before it was set."""
    at_ms = set_ms(side)
    if at_ms is None:
        return tuple(operations)
    before = [op for op in operations if op.kind != UNLOCK and op.started_ms <= at_ms]
    around = [op for op in operations if op.kind != UNLOCK and op.started_ms - CLOCKS_MS <= at_ms < op.started_ms]
    whose = before[-1] if before and (not around or at_ms <= before[-1].last_ms + SOON_MS) else None
    whose = whose or (around[0] if around else None)
    return tuple(_with_landing(op, at_ms) if op is whose else op for op in operations)


def _with_landing(operation: PasswordOperation, at_ms: int) -> PasswordOperation:
    return replace(operation, landed_ms=max(at_ms, operation.started_ms))
