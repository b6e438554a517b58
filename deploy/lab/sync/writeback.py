"""Password writeback: a reset in the cloud that Connect carries into Active Directory, or fails to.

New passwords are random, go to the directory alone and are kept nowhere. Source: Microsoft, "How does self-service
password reset writeback work in Microsoft Entra ID", and `writeback_outcomes`.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from typing import Literal, Protocol

from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra.graph_time import graph_time
from deploy.lab.events import ADSYNC, PASSWORD_RESET
from deploy.lab.password_events import (
    LISTENER_LOST,
    Named,
    set_trace,
    set_without_target,
    writeback_failure,
    writeback_start,
    writeback_success,
)
from deploy.lab.sync.active_directory import anchor_of
from deploy.lab.sync.engine import SyncEngine
from deploy.lab.sync.writeback_audit import PROGRESS, WritebackAudit, WritebackUser, person, sspr_row
from deploy.lab.sync.writeback_outcomes import EVENTS, REFUSALS, Operation, Outcome

_SUBMITTED = "User submitted a new password"
_DONE = "User successfully reset password"
_COMPLETED = "Successfully completed reset."
_UNREACHABLE = "User's account is password-writeback enabled but the on-premises service could not be reached"
_BY_CLOUD = {Outcome.SUCCESS, Outcome.CLOUD_ONLY, Outcome.LATE}


class TargetRefusalError(Exception):
    """A directory does not take a password. `outcome`: what that makes of the operation; its own words stay with it."""

    def __init__(self, outcome: Outcome, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome


class Target(Protocol):
    """The Active Directory that is written to. Each raises TargetRefusalError where it refuses by itself."""

    def set_password(self, user: WritebackUser, password: str) -> None:
        """Replace unicodePwd, which sets pwdLastSet."""

    def change_password(self, user: WritebackUser, current: str, password: str) -> None:
        """Replace it for somebody who gives the `current` one."""

    def unlock(self, user: WritebackUser) -> None:
        """Set lockoutTime to 0."""


class LabTarget:
    """The directories of the lab."""

    def __init__(self, stores: Sequence[DirectoryStore]) -> None:
        self._stores = {store.domain: store for store in stores}

    def set_password(self, user: WritebackUser, password: str) -> None:
        self._stores[user.forest].set_password(user.guid, password)

    def change_password(self, user: WritebackUser, current: str, password: str) -> None:
        """The lab's directories know no current password: whoever mistypes it is an outcome."""
        self.set_password(user, password)

    def unlock(self, user: WritebackUser) -> None:
        self._stores[user.forest].modify(user.guid, {"lockoutTime": "0"})


class PasswordWriteback:
    """The password reset service of one Connect server.

    target: where passwords go. What a story breaks: `silent` (no heartbeat), `stop`, `set_enabled`.
    """

    def __init__(self, engine: SyncEngine, target: Target) -> None:
        self.silent = False
        self.enabled = self.running = True
        self._engine, self._target = engine, target
        self._tenant, self._log = engine.tenant.store, engine.log
        self._undelivered: list[tuple[WritebackUser, Operation, str]] = []

    def user_of(self, store: DirectoryStore, guid: uuid.UUID) -> WritebackUser:
        """The user of a lab account. Raises KeyError: it has no cloud user yet."""
        cloud_id = self._engine.space.cloud_id(str(guid))
        found = self._tenant.get("user", cloud_id) if cloud_id is not None else None
        if cloud_id is None or found is None:
            raise KeyError(f"{guid} has no user in the tenant")
        upn, name = found["userPrincipalName"], found.get("displayName") or ""
        return WritebackUser(guid, cloud_id, upn, name, anchor_of(store.get(guid)), store.domain)

    def reset(
        self,
        user: WritebackUser,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        operation: Operation = Operation.RESET,
        admin: str | None = None,
        current: str = "",
        password: str | None = None,
    ) -> str:
        """Play one operation to its end; return its correlation id, which is also the server's tracking id.

        admin: UPN of who asked, where it was not the user. password, current: what the user chooses, and gives as the
        one to change; None: a random one. A stopped or disabled service, and a directory that refuses by itself, turn
        every outcome into the failure that follows from it.
        """
        tracking = str(uuid.uuid4())
        audit = WritebackAudit(self._tenant, user, tracking, admin)
        if admin is None:
            audit.row(PROGRESS, "success", _SUBMITTED)
        if not self.enabled:
            self._refused(audit, operation, "WritebackNotEnabled", "Password writeback is not enabled")
        elif not self.running or outcome is Outcome.CONNECTIVITY:
            self._refused(audit, operation, "OnPremisesConnectivityError", _UNREACHABLE)
        elif outcome in REFUSALS:
            self._start(user, operation, tracking)
            self._fail(audit, user, operation, tracking, outcome)
        else:
            if outcome in {Outcome.SUCCESS, Outcome.AD_ONLY}:
                try:
                    self._write(user, operation, tracking, current, password, admin)
                except TargetRefusalError as refusal:
                    self._fail(audit, user, operation, tracking, refusal.outcome)
                    return tracking
            elif outcome is Outcome.LATE:
                self._undelivered.append((user, operation, tracking))
            if outcome in _BY_CLOUD:
                self._complete(audit, user, operation)
            else:
                # As a real tenant logs it (MicrosoftDocs/entra-docs, issue 694): the reason of a success.
                audit.row(operation, "success", "OnPremisesSuccessCloudFailure", agent=True)
        return tracking

    def deliver(self) -> int:
        """Carry what is late into Active Directory; return how many operations that were."""
        late, self._undelivered = self._undelivered, []
        for user, operation, tracking in late:
            self._write(user, operation, tracking)
        return len(late)

    def heartbeat(self) -> None:
        """Report that Service Bus is reached: due every five minutes."""
        if self.running and self.enabled and not self.silent:
            self._log.write(PASSWORD_RESET, 31019)

    def listener_error(self) -> None:
        """Lose the connection of one listener."""
        self._log.write(PASSWORD_RESET, 31034, LISTENER_LOST, level="error")

    def stop(self) -> None:
        """Stop the service: every request fails from now on."""
        self.running = False
        self._log.write(PASSWORD_RESET, 31016, level="error")

    def start(self) -> None:
        self.running = True
        self._log.write(PASSWORD_RESET, 31015)

    def set_enabled(self, enabled: bool, *, by: str | None = None) -> None:
        """Switch the feature for the whole tenant; `by`: UPN of who did, None: the server's wizard."""
        self.enabled = enabled
        verb, events = ("Enable", (31004, 31005)) if enabled else ("Disable", (31012, 31013))
        for event_id in events:
            self._log.write(PASSWORD_RESET, event_id)
        row = sspr_row(f"{verb} password writeback for directory", "success", "", category="DirectoryManagement")
        row["correlationId"] = str(uuid.uuid4())
        row["initiatedBy"] = (
            self._engine.tenant.audit.initiator(self._engine.server)
            if by is None
            else {"user": person(str(uuid.uuid5(uuid.NAMESPACE_DNS, by)), None, by), "app": None}
        )
        profile = self._tenant.profile
        row["targetResources"] = [
            {
                "id": profile.tenant_id,
                "displayName": profile.display_name,
                "type": "Directory",
                "userPrincipalName": None,
                "groupType": None,
                "modifiedProperties": [],
            }
        ]
        self._tenant.append_log("directoryAudits", row)

    def _write(
        self,
        user: WritebackUser,
        operation: Operation,
        tracking: str,
        current: str = "",
        password: str | None = None,
        admin: str | None = None,
    ) -> None:
        self._start(user, operation, tracking)
        chosen = password or f"Aa1!{secrets.token_urlsafe(18)}"
        if operation is Operation.UNLOCK:
            self._target.unlock(user)
        elif operation is Operation.CHANGE:
            self._target.change_password(user, current, chosen)
        else:
            self._target.set_password(user, chosen)
        success = EVENTS[operation][1]
        text = writeback_success(success, tracking, _named(user), admin=admin or "")
        self._log.write(PASSWORD_RESET, success, text)

    def _start(self, user: WritebackUser, operation: Operation, tracking: str) -> None:
        start = EVENTS[operation][0]
        self._log.write(PASSWORD_RESET, start, writeback_start(start, tracking, user.user_principal_name))

    def _fail(
        self, audit: WritebackAudit, user: WritebackUser, operation: Operation, tracking: str, outcome: Outcome
    ) -> None:
        """What server and cloud say of a refusal: the engine its trace, the service the engine's answer."""
        refusal = REFUSALS[outcome]
        if outcome is Outcome.NOT_FOUND:
            trace = set_without_target(user.entra_id)
        else:
            trace = set_trace(refusal.hresult, refusal.message)
        self._log.write(ADSYNC, 6329, trace, level="error")
        text = writeback_failure(tracking, _named(user), hresult=refusal.hresult, message=refusal.message)
        self._log.write(PASSWORD_RESET, refusal.event_id, text, level="error")
        told = f"On-premises service refused the request: {refusal.reason}"
        self._refused(audit, operation, refusal.reason, told)

    def _complete(self, audit: WritebackAudit, user: WritebackUser, operation: Operation) -> None:
        if operation is not Operation.UNLOCK:
            now = graph_time(self._tenant.clock())
            self._tenant.upsert("user", user.entra_id, {"lastPasswordChangeDateTime": now})
            audit.core_reset()
        audit.row(operation, "success", _COMPLETED, agent=True)
        if operation is not Operation.ADMIN_RESET:
            audit.row(PROGRESS, "success", _DONE)

    @staticmethod
    def _refused(audit: WritebackAudit, operation: Operation, reason: str, told: str) -> None:
        result: Literal["failure"] = "failure"
        audit.row(operation, result, reason, agent=True)
        if operation is not Operation.ADMIN_RESET:
            audit.row(PROGRESS, result, told)


def _named(user: WritebackUser) -> Named:
    return Named(user.user_principal_name, user.entra_id, user.anchor)
