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
from typing import Self

import msgspec

from streams.contracts import view_keys
from streams.contracts.account_control import is_enabled
from streams.contracts.contributors import ContributorKind, kind_of_contributor, rest_of
from streams.contracts.distinguished_name import normal
from streams.contracts.events import Event
from streams.contracts.facts import FOREST_HEARD, FOREST_KEYWORDS, ObjectKind
from streams.contracts.finding import Subject
from streams.contracts.times import filetime_ms, time_in
from streams.contracts.view_keys import ViewKind, tenant_of
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.directory.party import Party, party_of
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.views.events import events_in
from streams.views.messages import Message, ReadUntil, ScopeGroup, ServiceConnectionPoint, SsoFields, SsoStatement
from streams.views.questions import answer_reading
from streams.views.view import Derived, Entry, latest

SSO_ACCOUNT = "azureadssoacc$"


class SsoAccount(msgspec.Struct, frozen=True):
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


class ForestView(msgspec.Struct, frozen=True):
    """The SCP of one forest, and its account for seamless single sign-on.

    keywords:    None: there is no SCP.
    tenant_ids, tenant_names: from azureADId: and azureADName:, in lower case; several is a fault of its own.
    expected:    forest.hybrid_join is set: computers look for an SCP.
    changed_ms:  when what stands in it was last said; where nothing was, since when its source is heard (ms).
    scp_changed: whenChanged of the SCP, RFC 3339.
    sso:         None: the forest has, and had, no such account.
    read_until_ms: until when its source has read every change; None: it does not say so.
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
    read_until_ms: int | None = None
    askers: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    scope_groups: Mapping[tuple[str, ...], Party] = {}

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Always: a forest stands alone."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        askers = tuple(rest_of(name) for name in sorted(entries) if kind_of_contributor(name) is ContributorKind.ASKS)
        events = events_in(entries)
        messages = {name: entry.message for name, entry in sorted(entries.items())}
        points = {name: each for name, each in messages.items() if isinstance(each, ServiceConnectionPoint)}
        point = next(iter(points.values()), ServiceConnectionPoint())
        keywords = tuple(point.keywords) if point.keywords is not None else None
        accounts = {name: each for name, each in messages.items() if isinstance(each, SsoStatement)}
        readings = [each for each in messages.values() if isinstance(each, ReadUntil)]
        first_ms = min((each.first_ms for each in readings), default=0)
        groups = [each.scope_group for each in messages.values() if isinstance(each, ScopeGroup)]
        return cls(
            key=key,
            tenant=tenant_of(key),
            name=rest_of_key(key),
            distinguished_name=point.distinguished_name,
            keywords=keywords,
            tenant_ids=_keyword(keywords, "azureadid"),
            tenant_names=_keyword(keywords, "azureadname"),
            expected=point.expected,
            scp_changed=point.scp_changed,
            changed_ms=latest({name: entries[name] for name in points or accounts}) or first_ms,
            sso=_sso_account(entries, accounts),
            read_until_ms=max((each.read_until_ms for each in readings), default=None),
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
        return answer_reading(self.key, self.askers, self.read_until_ms)


def forest_statements(state: ObjectState, scope: Scope) -> dict[str, Message]:
    """What the AD source's word on its forest says to the forest view."""
    if state.kind is not ObjectKind.FOREST or not state.alive or state.forest is None:
        return {}
    key = view_keys.forest(state.tenant, state.forest)
    if state.text(FOREST_HEARD):
        read_until_ms = time_in(state.attributes, FOREST_HEARD, 0)
        return {key: ReadUntil(read_until_ms, state.first_ms)} if read_until_ms else {}
    if not scope.home:
        return {}
    is_read = isinstance(state.attributes.get(FOREST_KEYWORDS), list)
    point = ServiceConnectionPoint(
        state.text("distinguishedName"),
        keywords=sorted(state.texts(FOREST_KEYWORDS)) if is_read else None,
        scp_changed=state.text("whenChanged"),
        expected=scope.hybrid_join,
    )
    return {key: point}


def scope_group_statements(state: ObjectState, scope: Scope) -> dict[str, Message]:
    """What a group that scopes the synchronisation says to its forest."""
    if state.forest is None or not scope.scopes(state):
        return {}
    return {view_keys.forest(state.tenant, state.forest): ScopeGroup(party_of(state, None, None))}


def is_sso_account(state: ObjectState) -> bool:
    """Whether this is the computer account of seamless single sign-on, which is no computer."""
    return state.side == "ad" and (state.text("sAMAccountName") or "").lower() == SSO_ACCOUNT


def sso_statements(state: ObjectState) -> dict[str, Message]:
    """What the account of seamless single sign-on says to its forest; also a deleted one, as long as remembered."""
    if state.forest is None:
        return {}
    fields = SsoFields(
        distinguished_name=state.text("distinguishedName"),
        password_set_ms=filetime_ms(state.attributes.get("pwdLastSet")),
        enabled=is_enabled(state.attributes.get("userAccountControl")),
    )
    return {view_keys.forest(state.tenant, state.forest): SsoStatement(fields, deleted=not state.alive)}


def _sso_account(entries: Mapping[str, Entry], statements: Mapping[str, SsoStatement]) -> SsoAccount | None:
    """A living account rather than a deleted one; of several the one that changed last."""
    accounts = [
        SsoAccount(
            distinguished_name=each.sso.distinguished_name,
            password_set_ms=each.sso.password_set_ms,
            enabled=each.sso.enabled,
            deleted=each.deleted,
            changed_ms=entries[name].changed_ms,
        )
        for name, each in statements.items()
    ]
    return max(accounts, key=lambda account: (not account.deleted, account.changed_ms), default=None)


def _keyword(keywords: Iterable[str] | None, name: str) -> tuple[str, ...]:
    """Values of `name:`; its spelling varies in Microsoft's own pages (azureADId, azureADid)."""
    pairs = (keyword.partition(":") for keyword in keywords or ())
    return tuple(value.strip().lower() for key, _, value in pairs if key.strip().lower() == name)
