"""The forest view: what stands once in a forest for the whole tenant.

Key: forest/<tenant>/<dns name>. Contributors "ad/<id>": the AD source's own facts about the service connection
point (SCP) below the configuration naming context, from which devices read tenant id and name, and about how far it
has read ({"heard_ms": ...}); the computer account of seamless single sign-on, whose word is {"sso": {...}}; and groups
that scope the synchronisation, {"scope_group": {...}}. "audit/<event>": changes of the SCP that a domain controller
logged. Views of users ask how far the forest has been read (streams.views.questions).

Source: Microsoft, "Configure Microsoft Entra hybrid join manually", service connection point; "Microsoft Entra
seamless single sign-on: Technical deep dive".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streams.contracts import view_keys
from streams.contracts.account_control import is_enabled
from streams.contracts.contributors import Speaker, rest_of, speaker_of
from streams.contracts.distinguished_name import normal
from streams.contracts.events import Event
from streams.contracts.facts import FOREST_HEARD, FOREST_KEYWORDS, ObjectKind
from streams.contracts.finding import Subject
from streams.contracts.times import filetime_ms, time_in
from streams.contracts.view_keys import ViewKind, tenant_of
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.directory.event_slots import is_event
from streams.directory.object_ref import Party, party_body, party_from
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.views.events import events_in
from streams.views.questions import tell_reading
from streams.views.view import Derived, Entry, latest

SSO_ACCOUNT = "azureadssoacc$"
_PASSING = frozenset({"heard_ms", "asker", "scope_group"})
"""Words that say nothing of what stands in the forest."""


@dataclass(frozen=True, slots=True)
class SsoAccount:
    """The account whose key seals the tickets of seamless single sign-on.

    password_set_ms: when its key was last rolled over; None while unknown.
    enabled:         None while unknown.
    deleted:         it is gone; `changed_ms` tells since when.
    """

    distinguished_name: str | None
    password_set_ms: int | None
    enabled: bool | None
    deleted: bool
    changed_ms: int


@dataclass(frozen=True, slots=True)
class ForestView:
    """The SCP of one forest, and its account for seamless single sign-on.

    keywords:    None: there is no SCP.
    tenant_ids, tenant_names: from azureADId: and azureADName:, in lower case; several is a fault of its own.
    expected:    forest.hybrid_join is set: computers look for an SCP.
    scp_changed: whenChanged of the SCP, RFC 3339.
    sso:         None: the forest has, and had, no such account.
    heard_ms:    until when its source has read every change; None: it does not say so.
    askers:      views that want to know.
    scope_groups: the groups that scope the synchronisation and are there, by their normal DNs.
    events:      what domain controllers log of changes of the SCP, the oldest first.
    """

    key: str
    tenant: str
    name: str
    distinguished_name: str | None
    keywords: tuple[str, ...] | None
    tenant_ids: tuple[str, ...]
    tenant_names: tuple[str, ...]
    expected: bool
    scp_changed: str | None
    changed_ms: int
    sso: SsoAccount | None = None
    heard_ms: int | None = None
    askers: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    scope_groups: Mapping[tuple[str, ...], Party] = field(default_factory=dict)

    @staticmethod
    def contested(entries: Mapping[str, Entry]) -> bool:
        """Always: a forest stands alone."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        askers = tuple(rest_of(name) for name in sorted(entries) if speaker_of(name) is Speaker.ASKS)
        heard_ms = [int(entry.body["heard_ms"]) for entry in entries.values() if "heard_ms" in entry.body]
        events = events_in(entries)
        groups = [party_from(entry.body["scope_group"]) for entry in entries.values() if "scope_group" in entry.body]
        entries = {
            name: entry
            for name, entry in entries.items()
            if not is_event(name) and entry.body.keys().isdisjoint(_PASSING)
        }
        said_of_scp = {name: entry for name, entry in sorted(entries.items()) if "sso" not in entry.body}
        body: Mapping[str, Any] = next((entry.body for entry in said_of_scp.values()), {})
        said = body.get("keywords")
        keywords = tuple(said) if isinstance(said, list) else None
        return cls(
            key=key,
            tenant=tenant_of(key),
            name=rest_of_key(key),
            distinguished_name=body.get("distinguished_name"),
            keywords=keywords,
            tenant_ids=_keyword(keywords, "azureadid"),
            tenant_names=_keyword(keywords, "azureadname"),
            expected=bool(body.get("expected")),
            scp_changed=body.get("scp_changed"),
            changed_ms=latest(said_of_scp) or latest(entries),
            sso=_sso_account(entries),
            heard_ms=max(heard_ms, default=None),
            askers=askers,
            events=events,
            scope_groups={normal(party.distinguished_name or ""): party for party in groups},
        )

    @property
    def read(self) -> bool:
        """Whether the source has looked at all."""
        return self.distinguished_name is not None

    @property
    def scp_changed_by(self) -> str | None:
        """Who changed the SCP last, as far as a domain controller's log was shipped."""
        return self.events[-1].initiator if self.events else None

    def subject(self) -> Subject:
        """This forest as a finding's subject."""
        return Subject(
            kind=ViewKind.FOREST, key=self.key, display_name=self.name, distinguished_name=self.distinguished_name
        )

    def derived(self) -> Iterable[Derived]:
        """How far the forest has been read, to those who ask."""
        return tell_reading(self.key, self.askers, self.heard_ms)


def forest_bodies(state: ObjectState, scope: Scope) -> dict[str, dict[str, Any]]:
    """What the AD source's word on its forest says to the forest view."""
    if state.kind is not ObjectKind.FOREST or not state.alive or state.forest is None:
        return {}
    key = view_keys.forest(state.tenant, state.forest)
    if state.text(FOREST_HEARD):
        heard_ms = time_in(state.attributes, FOREST_HEARD, 0)
        return {key: {"heard_ms": heard_ms}} if heard_ms else {}
    if not scope.home:
        return {}
    body: dict[str, Any] = {"distinguished_name": state.text("distinguishedName")}
    if isinstance(state.attributes.get(FOREST_KEYWORDS), list):
        body["keywords"] = sorted(state.texts(FOREST_KEYWORDS))
    if state.text("whenChanged"):
        body["scp_changed"] = state.text("whenChanged")
    if scope.hybrid_join:
        body["expected"] = True
    return {key: body}


def scope_group_bodies(state: ObjectState, scope: Scope) -> dict[str, dict[str, Any]]:
    """What a group that scopes the synchronisation says to its forest."""
    if state.forest is None or not scope.scopes(state):
        return {}
    return {view_keys.forest(state.tenant, state.forest): {"scope_group": party_body(state, None, None)}}


def is_sso_account(state: ObjectState) -> bool:
    """Whether this is the computer account of seamless single sign-on, which is no computer."""
    return state.side == "ad" and (state.text("sAMAccountName") or "").lower() == SSO_ACCOUNT


def sso_bodies(state: ObjectState) -> dict[str, dict[str, Any]]:
    """What the account of seamless single sign-on says to its forest; also a deleted one, as long as remembered."""
    if state.forest is None:
        return {}
    body: dict[str, Any] = {
        "sso": {
            "distinguished_name": state.text("distinguishedName"),
            "password_set_ms": filetime_ms(state.attributes.get("pwdLastSet")),
            "enabled": is_enabled(state.attributes.get("userAccountControl")),
        }
    }
    if not state.alive:
        body["deleted"] = True
    return {view_keys.forest(state.tenant, state.forest): body}


def _sso_account(entries: Mapping[str, Entry]) -> SsoAccount | None:
    """A living account rather than a deleted one; of several the one that changed last."""
    accounts = [
        SsoAccount(
            distinguished_name=entry.body["sso"].get("distinguished_name"),
            password_set_ms=entry.body["sso"].get("password_set_ms"),
            enabled=entry.body["sso"].get("enabled"),
            deleted=bool(entry.body.get("deleted")),
            changed_ms=entry.changed_ms,
        )
        for _, entry in sorted(entries.items())
        if "sso" in entry.body
    ]
    return max(accounts, key=lambda account: (not account.deleted, account.changed_ms), default=None)


def _keyword(keywords: Iterable[str] | None, name: str) -> tuple[str, ...]:
    """Values of `name:`; its spelling varies in Microsoft's own pages (azureADId, azureADid)."""
    pairs = (keyword.partition(":") for keyword in keywords or ())
    return tuple(value.strip().lower() for key, _, value in pairs if key.strip().lower() == name)
