"""Password operations: what one reset, change or unlock was, put together from whatever told of it.

Three ends tell: Entra's audit log (rows of one correlation id), the Connect server's PasswordResetService and ADSync
(events of one tracking id), and the AD object itself (pwdLastSet). Any of them may be late or missing altogether.

An unlock leaves no trace that we read: lockoutTime is not watched, because it changes for everybody at once when
passwords are sprayed, which is when DirSync must not be flooded. An unlock is judged by what the logs say.

Source: Microsoft, "Audit activities"; "Troubleshoot self-service password reset writeback".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from streams.contracts.events import Event, Result
from streams.contracts.times import filetime_ms
from streams.reference_data.writeback_errors import RESERVED_CHARACTER, ErrorClass
from streams.views.password.errors import USERS_OWN
from streams.views.password.operations_events import (
    ADMIN_RESET,
    UNLOCK,
    class_of,
    is_audit,
    is_done,
    is_failure,
    is_final,
    is_outcome,
    is_progress,
    is_refusal,
    is_server,
    is_split,
    is_start,
    kinds_of,
    why,
)
from streams.views.password.operations_groups import CLOCKS_MS, grouped
from streams.views.password.reserved_names import reserved_in_path
from streams.views.sides import Side, Sides

SOON_MS = 5 * 60_000
"""A password set within this long after an operation's last word is that operation's."""
NO_AGENT = "none"
_HASH_ARRIVED = "directory synchronization/657"
_UNKNOWN_ERROR = "33001"


class PasswordOperation(msgspec.Struct, frozen=True):
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
        """Its result by the newest event of either log; None: neither log has an end of it."""
        if self.audit is None or self.audit.result is None:
            return self.server
        return self.server if self.server is not None and self.server_ms > self.audit.ts_ms else self.audit.result

    @property
    def decided(self) -> bool:
        """Whether it has come to an end, by either log or because AD shows its password."""
        return self.result is not None or self.landed_ms is not None

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
        """AD took it, and the cloud says it did not go well, whatever its row calls the result."""
        if self.kind == UNLOCK or self.audit is None or not self.in_ad:
            return False
        return self.audit.result is Result.FAILURE or is_split(self.audit)

    @property
    def only_began(self) -> bool:
        """The server has begun, and neither it nor the cloud nor AD has told of an end."""
        return not self.decided and any(map(is_start, self.events))

    @property
    def may_leave_zero(self) -> bool:
        """Whether pwdLastSet may be 0 after it: an administrator may have the user change the password again."""
        forced = [event.details["force_change"] for event in self.events if "force_change" in event.details]
        return self.kind == ADMIN_RESET and (not forced or forced[-1] is True)

    @property
    def failed(self) -> bool:
        """Whether it failed and the password has not been set since, by whatever hand."""
        later = self.landed_ms is not None and self.landed_ms > self.last_ms
        return self.result is Result.FAILURE and not self.split and not later

    @property
    def concerns_ad(self) -> bool:
        """Whether AD was, or was to be, asked: the cloud refuses some before, and some users it keeps to itself."""
        refused_before = self.result is Result.FAILURE and self.error is ErrorClass.NOT_OFFERED
        return self.agent != NO_AGENT and not refused_before


def operations_of(view: Sides) -> tuple[PasswordOperation, ...]:
    """The password operations of a user that concern AD, the oldest first."""
    relevant = [event for event in view.events if is_audit(event) or is_server(event)] if view.events else []
    if not relevant or not _synchronised(view):
        return ()
    found = [made for made in map(_operation, grouped(relevant)) if made is not None and made.concerns_ad]
    found.sort(key=lambda operation: (operation.started_ms, operation.events[0].id))
    found = [_with_path(operation, view) for operation in found]
    return _landed(found, view.ad[0]) if len(view.ad) == 1 else tuple(found)


def latest_password(operations: Sequence[PasswordOperation]) -> PasswordOperation | None:
    """The latest that set, or should have set, a password; one that is still on its way has not."""
    return next((each for each in reversed(operations) if each.kind != UNLOCK and each.decided), None)


def latest_failure(operations: Sequence[PasswordOperation]) -> PasswordOperation | None:
    """The operation that stands failed: the latest of its sort, with nothing later that succeeded."""
    password = latest_password(operations)
    unlock = next((each for each in reversed(operations) if each.kind == UNLOCK and each.decided), None)
    if unlock is not None and password is not None and password.started_ms >= unlock.started_ms:
        unlock = None  # a reset unlocks too, and whoever failed at it has a newer trouble
    failures = [operation for operation in (password, unlock) if operation is not None and operation.failed]
    return max(failures, key=lambda operation: operation.started_ms, default=None)


def set_ms(side: Side) -> int | None:
    """When AD says the password was last set; None: it does not tell, or "never" since before we looked.

    0 means that it must be changed at the next logon: seen by us then.
    """
    value = side.attributes.get("pwdLastSet")
    return side.changed.get("pwdLastSet") if value == 0 else filetime_ms(value)


def must_change(side: Side) -> bool:
    """Whether AD says that the password has to be changed at the next logon, whoever set it whenever."""
    return side.attributes.get("pwdLastSet") == 0


def offending_unit(view: Sides) -> tuple[str, str] | None:
    """The organisational unit above the user that writeback cannot pass on, and the character in its name."""
    name = view.ad[0].party.distinguished_name if len(view.ad) == 1 else None
    return reserved_in_path(name) if name else None


def hash_arrived_ms(view: Sides) -> int:
    """When password hash synchronisation last brought this user's password to the cloud; 0: not that we know."""
    arrived = [e.ts_ms for e in view.events if e.name == _HASH_ARRIVED and e.result is Result.SUCCESS]
    return max(arrived, default=0)


def _synchronised(view: Sides) -> bool:
    """Whether the user lives in AD: by either directory, or because a server was asked to write."""
    if any(side.party.cloud_managed for side in view.entra):
        return any(is_server(event) for event in view.events)
    if view.ad or view.gone or any(side.party.synced for side in view.entra):
        return True
    return not view.entra and any(is_server(event) for event in view.events)


def _operation(events: list[Event]) -> PasswordOperation | None:
    finals = [event for event in events if is_final(event)]
    steps = [event for event in events if is_server(event)]
    progress = [event for event in events if is_progress(event)]
    specific = (each for each in reversed(progress) if is_failure(each) and class_of(each) is not ErrorClass.OTHER)
    audit = finals[-1] if finals else next(specific, None)
    if audit is None and not steps:
        return None  # somebody who only began
    outcomes = [event for event in steps if is_outcome(event)]
    refusals = [event for event in steps if is_refusal(event)]
    newest = outcomes[-1] if outcomes else (refusals[-1] if refusals else None)
    server = None if newest is None else Result.SUCCESS if is_done(newest) else Result.FAILURE
    refusal = refusals[-1] if refusals and server is Result.FAILURE else None
    error, detail = why([*reversed(refusals)] if refusal else [], audit, progress)
    agents = [str(event.details["agent"]) for event in events if event.details.get("agent")]
    kinds = kinds_of([audit] if audit is not None else ()) or kinds_of(outcomes) or kinds_of(events) or {"reset"}
    return PasswordOperation(
        kind=sorted(kinds)[0],
        started_ms=events[0].ts_ms,
        last_ms=events[-1].ts_ms,
        events=tuple(events),
        audit=audit,
        refusal=refusal,
        server=server,
        server_ms=newest.ts_ms if newest is not None else 0,
        # The server was asked: whatever the row says, it was an operation on AD.
        agent=("connect" if steps and (not agents or agents[-1] == NO_AGENT) else agents[-1] if agents else None),
        error=error,
        detail=detail,
    )


def _with_path(operation: PasswordOperation, view: Sides) -> PasswordOperation:
    """An unknown error of AD is explained by a reserved character on the way to the user, if nothing else does."""
    codes = {event.details.get("error_code") or event.name.rpartition("/")[2] for event in operation.events}
    unexplained = operation.server is Result.FAILURE and operation.error is ErrorClass.OTHER
    if not unexplained or _UNKNOWN_ERROR not in codes or offending_unit(view) is None:
        return operation
    return replace(operation, error=ErrorClass.CONFIGURATION, detail=RESERVED_CHARACTER)


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
