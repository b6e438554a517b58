"""What of a forest is in the scope of synchronisation.

An object out of scope claims nothing in the cloud, and still shows as a holder. The default filters follow
Microsoft, "Microsoft Entra Connect Sync: Understanding the default configuration" (out-of-box rules
"In from AD – User Join / Contact Join / Group Join"); Cloud Sync: critical and replication-victim objects.
Both engines may also be told to bring the direct members of groups alone: see streams.views.membership.scoping_view.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streams.contracts.distinguished_name import normal
from streams.contracts.facts import ObjectKind, cloud_source
from streams.directory.engines import CLOUD_SYNC, CONNECT
from streams.directory.party import MEMBERSHIP_UNKNOWN
from streams.directory.person import LINKED, is_linked_mailbox, lacks_key
from streams.directory.state import ObjectState

_RESERVED_ACCOUNT = re.compile(r"^(msol_|aad_|support_388945a0$|cas_.*\})", re.IGNORECASE)
_RESERVED_NICKNAME = re.compile(r"^(systemmailbox\{|cas_.*\{)", re.IGNORECASE)
# Arbitration, system and discovery mailboxes and the like: BitAnd(msExchRecipientTypeDetails, 0x21C07000) > 0.
_SYSTEM_RECIPIENTS = 0x21C07000
_Unit = tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """The scope of one forest. Empty `include_ous`: everything; the innermost unit that is named decides.

    users_joined_by: how people of several forests become one (streams.directory.person); "": each is one of their own.
        Of what Cloud Sync synchronises nobody is joined ("Matching across forests doesn't occur with cloud sync").
    hybrid_join: every supported computer in scope is meant to become a hybrid joined device.
    cloud_sync_ous: what of the forest Cloud Sync synchronises, where Entra Connect does the rest; none: it is not told.
    scope_groups: DNs of the groups whose direct members alone are synchronised; none: memberships decide nothing. They
        do not decide of `cloud_sync_ous`: a configuration of Cloud Sync is scoped by units or by groups, never by both.
    home: False where another tenant of the forest has what only one may have: hybrid join, seamless single sign-on, and
        the groups and devices that are written back (`other_tenant`).
    group_writeback, device_writeback: Microsoft 365 groups that nobody marked otherwise, and devices, are written into
        an AD forest. Said of a tenant, whose objects know nothing of it (`scope_name`).
    """

    include_ous: Sequence[str] = ()
    exclude_ous: Sequence[str] = ()
    default_filters: bool = True
    hybrid_join: bool = False
    group_writeback: bool = False
    device_writeback: bool = False
    home: bool = True
    users_joined_by: str = ""
    cloud_sync_ous: Sequence[str] = ()
    scope_groups: Sequence[str] = ()
    _include: tuple[_Unit, ...] = field(init=False, repr=False)
    _exclude: tuple[_Unit, ...] = field(init=False, repr=False)
    _cloud_sync: tuple[_Unit, ...] = field(init=False, repr=False)
    _groups: frozenset[_Unit] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_include", tuple(normal(ou) for ou in self.include_ous))
        object.__setattr__(self, "_exclude", tuple(normal(ou) for ou in self.exclude_ous))
        object.__setattr__(self, "_cloud_sync", tuple(normal(ou) for ou in self.cloud_sync_ous))
        object.__setattr__(self, "_groups", frozenset(normal(group) for group in self.scope_groups))

    def engine_of(self, state: ObjectState) -> str | None:
        """Which engine synchronises an AD object, or did before its deletion; None where that is not known."""
        place = state.text("distinguishedName" if state.alive else "lastKnownParent")
        if not self._cloud_sync or not place:
            return None
        found = _longest(normal(place), self._cloud_sync)
        return CONNECT if found is None else CLOUD_SYNC

    def joined_by(self, state: ObjectState) -> str | None:
        """By what users are joined where this object is synchronised; None: by nothing, Cloud Sync joins nobody."""
        return None if self.engine_of(state) == CLOUD_SYNC else self.users_joined_by

    def reason_outside(self, state: ObjectState) -> str | None:
        """Why the object is not synchronised, as a short stable word; None if it is.

        MEMBERSHIP_UNKNOWN where that hangs on groups: views that hear of its memberships know more.
        """
        if self._include or self._exclude:
            dn = normal(state.text("distinguishedName") or "")
            included, excluded = _longest(dn, self._include), _longest(dn, self._exclude)
            if excluded is not None and len(excluded) >= len(included or ()):
                return "ou_excluded"
            if self._include and included is None:
                return "ou_not_included"
        if not self.home and state.kind is ObjectKind.DEVICE:
            return "other_tenant"
        if lacks_key(state, self.joined_by(state)):
            return "no_join_attribute"
        filtered = _filtered(state) if self.default_filters else None
        if filtered is None and self._groups and self.engine_of(state) != CLOUD_SYNC:
            return MEMBERSHIP_UNKNOWN
        return filtered

    def scopes(self, state: ObjectState) -> bool:
        """Whether this is one of the groups whose members are synchronised."""
        if not self._groups or state.kind is not ObjectKind.GROUP or state.side != "ad":
            return False
        return normal(state.text("distinguishedName") or "") in self._groups


def scope_of(scopes: Mapping[str, Scope], tenant: str, forest: str | None) -> Scope:
    """The scope of an object; a forest without one is wholly in scope."""
    return scopes.get(f"{forest}/{tenant}") or scopes.get(scope_name(tenant, forest)) or _EVERYTHING


def scope_name(tenant: str, forest: str | None) -> str:
    """The name under which scopes are kept: an AD object's forest; of an Entra object, its tenant.

    Where a forest has another scope in this tenant than elsewhere, "<forest>/<tenant>" stands before it.
    """
    return forest or cloud_source(tenant)


_EVERYTHING = Scope()


def _longest(dn: _Unit, ous: Sequence[_Unit]) -> _Unit | None:
    """The innermost of these units that holds the DN."""
    return max((ou for ou in ous if dn[-len(ou) :] == ou), key=len, default=None)


def _filtered(state: ObjectState) -> str | None:
    if state.attributes.get("isCriticalSystemObject") is True:
        return "critical_system_object"
    if "\\0acnf:" in (state.text("distinguishedName") or "").lower():
        return "replication_conflict"
    nickname = state.text("mailNickname")
    if nickname and _RESERVED_NICKNAME.match(nickname):
        return "system_mailbox"
    if (state.text("adminDescription") or "").lower().startswith(("user_", "group_", "contact_")):
        return "cloud_filtered"
    if state.kind is ObjectKind.USER:
        account = state.text("sAMAccountName")
        if account is None:
            return "no_account_name"
        if _RESERVED_ACCOUNT.match(account):
            return "reserved_account"
        details = state.text("msExchRecipientTypeDetails") or state.attributes.get("msExchRecipientTypeDetails")
        if details is not None and str(details).isdigit() and int(details) & _SYSTEM_RECIPIENTS:
            return "system_mailbox"
        if details is not None and is_linked_mailbox(state):
            return LINKED
    if state.kind is ObjectKind.CONTACT and not (state.text("mail") or state.texts("proxyAddresses")):
        return "contact_without_address"
    return None
