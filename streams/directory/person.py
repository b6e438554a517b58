"""People and contacts of several forests that Entra Connect takes for one person.

Setup asks how ("Uniquely identifying your users"); [[tenant]] users_joined_by repeats the answer. The active account
gives sign-in name and source anchor; what it is joined with, a disabled account or a contact, becomes no object of its
own in the cloud, and its addresses are the account's. A linked mailbox never becomes one, whatever setup was told: it
names its account by msExchMasterAccountSid.

Sources: Microsoft, "Custom installation of Microsoft Entra Connect" (the choices); "Microsoft Entra Connect Sync:
Understanding Users, Groups, and Contacts" (who gives what; contacts are always joined by mail); the default
synchronisation rules (of msExchRecipientTypeDetails 2 neither sourceAnchor nor sourceObjectType). Cloud Sync joins
nobody across forests ("Microsoft Entra Cloud Sync supported topologies and scenarios").
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts import view_keys
from streams.contracts.account_control import is_enabled
from streams.contracts.facts import ObjectKind
from streams.contracts.flows import FLOWS
from streams.directory.addresses import fold_address
from streams.directory.state import ObjectState

MAIL, SID, ACCOUNT = "mail", "objectSid", "sAMAccountName"
CHOICES = (MAIL, SID, ACCOUNT)
"""What setup offers by name; "A specific attribute" is the attribute's own name."""
LINKED = "linked_mailbox"
"""Why a linked mailbox is not synchronised by itself (Party.out_of_scope)."""

_LINKED_RECIPIENT = 2
_SELF = "S-1-5-10"  # of shared and resource mailboxes: they have no account
_PROPERTY = {flow.attribute: flow.property for flow in FLOWS}


def joined_as(state: ObjectState, joined_by: str | None) -> tuple[tuple[str, ...], bool]:
    """By what an object is the same person as others, and whether somebody else's account may stand for it.

    joined_by: the choice of setup, "" for none; None: its engine joins nobody (Scope.joined_by).
    """
    if joined_by is None:
        return (), False
    if not joined_by and "msExchRecipientTypeDetails" not in state.attributes and state.kind is not ObjectKind.CONTACT:
        return (), False
    return _keys(state, joined_by), _is_half(state, joined_by)


def _keys(state: ObjectState, joined_by: str) -> tuple[str, ...]:
    if state.side == "entra":
        found = _cloud_keys(state, joined_by) if state.kind is ObjectKind.USER else []
    elif state.kind is ObjectKind.CONTACT:
        found = [_keyed(MAIL, state.text("mail"))]
    elif state.kind is ObjectKind.USER:
        linked = is_linked_mailbox(state) or joined_by == SID
        found = [_keyed(SID, linked_account(state)) if linked else None, *_user_keys(state, joined_by)]
    else:
        found = []
    return tuple(sorted({key for key in found if key is not None}))


def person_views(state: ObjectState, keys: Iterable[str], joined_by: str | None) -> list[str]:
    """The views of persons that an AD object speaks to: only where the tenant says how people are joined."""
    if state.side != "ad" or not joined_by:
        return []
    return [view_keys.person(state.tenant, key) for key in keys if state.kind is ObjectKind.USER or joined_by == MAIL]


def _is_half(state: ObjectState, joined_by: str) -> bool:
    if state.side != "ad" or state.kind is not ObjectKind.USER:
        return state.side == "ad" and state.kind is ObjectKind.CONTACT
    disabled = is_enabled(state.attributes.get("userAccountControl")) is False
    return is_linked_mailbox(state) or (disabled and bool(joined_by))


def is_linked_mailbox(state: ObjectState) -> bool:
    """A mailbox of an account in another forest."""
    recipient = state.attributes.get("msExchRecipientTypeDetails")
    return state.kind is ObjectKind.USER and str(recipient) == str(_LINKED_RECIPIENT)


def linked_account(state: ObjectState) -> str | None:
    """The SID of the account that a mailbox belongs to; None where that is itself."""
    sid = state.text("msExchMasterAccountSid")
    return sid if sid not in (None, _SELF, state.text("objectSid")) else None


def lacks_key(state: ObjectState, joined_by: str | None) -> bool:
    """Whether a user is not synchronised, as it has nothing under the attribute by which people are joined."""
    if state.kind is not ObjectKind.USER or not joined_by or joined_by in (SID, ACCOUNT):
        return False
    return not (state.text(joined_by) or "").strip()


def _user_keys(state: ObjectState, joined_by: str) -> list[str | None]:
    if joined_by == ACCOUNT:  # "where the sign-in ID for the user is expected to be found": either of them
        return [_keyed(ACCOUNT, state.text(ACCOUNT)), _keyed(ACCOUNT, state.text("mailNickname"))]
    return [_keyed(joined_by, state.text(joined_by))] if joined_by else []


def _cloud_keys(state: ObjectState, joined_by: str) -> list[str | None]:
    if not joined_by or state.attributes.get("onPremisesSyncEnabled") is not True:
        return []
    if joined_by == ACCOUNT:
        return [_keyed(ACCOUNT, state.text("onPremisesSamAccountName")), _keyed(ACCOUNT, state.text("mailNickname"))]
    if joined_by == SID:
        return [_keyed(SID, state.text("onPremisesSecurityIdentifier"))]
    return [_keyed(joined_by, state.text(_PROPERTY.get(joined_by, joined_by)))]


def _keyed(name: str, value: str | None) -> str | None:
    if name == MAIL:
        address = fold_address(value or "")
        return f"{MAIL}:{address.folded}" if address is not None else None
    return f"{name}:{value.strip().lower()}" if value and value.strip() else None
