"""Password writeback into a real domain controller: the lab's target over LDAPS, with a connector account's rights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import ldap3

from deploy.lab.sync.writeback import TargetRefusalError
from deploy.lab.sync.writeback_audit import WritebackUser
from deploy.lab.sync.writeback_outcomes import Outcome
from tests.support.samba import SambaDC

_POLICY_HINTS = ("1.2.840.113556.1.4.2066", True, b"\x30\x03\x02\x01\x01")
_BY_RESULT = {
    "constraintViolation": Outcome.POLICY,
    "insufficientAccessRights": Outcome.PERMISSION,
    "noSuchObject": Outcome.NOT_FOUND,
    "unavailableCriticalExtension": Outcome.CONFIGURATION,
}
_BY_LOGON = {"52e": Outcome.WRONG_PASSWORD, "533": Outcome.DISABLED, "775": Outcome.LOCKED}
_INVALID_PASSWORD = "00000056"
_DATA = re.compile(r"data (\w+)")


class SambaPasswords:
    """A lab Target (deploy.lab.sync.writeback). `account`, `password`: of the connector, which is no administrator.

    policy_control: ask the controller to hold the history against resets, too, as Connect does.
    """

    def __init__(self, dc: SambaDC, account: str, password: str) -> None:
        self.policy_control = False
        self._dc = dc
        self._connection = dc.connect(account, password, raise_exceptions=False)

    def close(self) -> None:
        """Close the connector's connection."""
        self._connection.unbind()

    def set_password(self, user: WritebackUser, password: str) -> None:
        """Reset it, with the right to do so."""
        self._modify(self._find(user), "unicodePwd", [(ldap3.MODIFY_REPLACE, [_quoted(password)])])

    def change_password(self, user: WritebackUser, current: str, password: str) -> None:
        """Log on as the user, as the service does, then change it."""
        found = self._find(user)
        logon = self._dc.connect(user.user_principal_name, current, raise_exceptions=False, auto_bind=False)
        try:
            if not logon.bind():
                words = str(logon.result["message"])
                data = _DATA.search(words)
                raise TargetRefusalError(_BY_LOGON[data[1] if data else ""], words)
        finally:
            logon.unbind()
        changes = [(ldap3.MODIFY_DELETE, [_quoted(current)]), (ldap3.MODIFY_ADD, [_quoted(password)])]
        self._modify(found, "unicodePwd", changes)

    def unlock(self, user: WritebackUser) -> None:
        """Let the user try again."""
        self._modify(self._find(user), "lockoutTime", [(ldap3.MODIFY_REPLACE, ["0"])])

    def _find(self, user: WritebackUser) -> dict[str, Any]:
        value = "".join(f"\\{byte:02x}" for byte in user.guid.bytes_le)
        anchored = f"(&(objectClass=user)(|(objectGUID={value})(mS-DS-ConsistencyGuid={value})))"
        self._connection.search(self._dc.base_dn, anchored, attributes=["adminCount"])
        found = [each for each in self._connection.response if each["type"] == "searchResEntry"]
        if len(found) != 1:
            raise TargetRefusalError(Outcome.SEVERAL if found else Outcome.NOT_FOUND, f"{len(found)} objects found.")
        return dict(found[0])

    def _modify(self, found: dict[str, Any], attribute: str, changes: Sequence[tuple[str, Sequence[Any]]]) -> None:
        controls = [_POLICY_HINTS] if self.policy_control else None
        self._connection.modify(found["dn"], {attribute: list(changes)}, controls=controls)
        result = self._connection.result
        if result["result"] == 0:
            return
        words = str(result["message"])
        outcome = _BY_RESULT[result["description"]]
        if outcome is Outcome.POLICY and _INVALID_PASSWORD in words:
            outcome = Outcome.WRONG_PASSWORD
        if outcome is Outcome.PERMISSION and b"1" in found["raw_attributes"].get("adminCount", ()):
            outcome = Outcome.PROTECTED
        raise TargetRefusalError(outcome, words)


def _quoted(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")
