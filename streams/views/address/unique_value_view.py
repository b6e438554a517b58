"""The unique-value view: which AD objects hold one value of an attribute that must be unique, and is no address.

Key: value/<tenant>/<attribute>/<folded value>, for mailNickname, targetAddress, and the sAMAccountName of users
without userPrincipalName (who sign in by it). Contributors: "ad/<AD object>", questions of object views that
might propose the value, answers of holders' (streams.views.questions), and findings that explain
(streams.views.explanations).
Source: Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec
from msgspec.structs import replace

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, kind_of_contributor, rest_of
from streams.contracts.facts import ObjectKind
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.directory.addresses import fold_proxy_address
from streams.directory.party import Party, people
from streams.directory.state import ObjectState
from streams.views.explanations import Explanation, split_explanations
from streams.views.messages import ValueHeld
from streams.views.questions import answer_holders, ask_counterparts, moved
from streams.views.view import Derived, Entry, latest


class ValueHolder(msgspec.Struct, frozen=True):
    """An AD object and the value as it stores it."""

    party: Party
    value: str
    changed_ms: int


class UniqueValueView(msgspec.Struct, frozen=True):
    """Everyone in AD who holds one value of `attribute`; `folded` is the value as it is compared."""

    key: str
    tenant: str
    attribute: str
    folded: str
    holders: tuple[ValueHolder, ...]
    askers: tuple[str, ...]
    changed_ms: int
    explanations: tuple[Explanation, ...] = ()

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Two holders, or one and somebody who asks."""
        return len(entries) > 1

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        entries, explanations = split_explanations(entries)
        holders = [
            ValueHolder(message.party, message.value, entry.changed_ms)
            for _, entry in sorted(entries.items())
            if isinstance(message := entry.message, ValueHeld)
        ]
        gone = moved(entries)
        holders = [
            replace(each, party=each.party.unexported()) if each.party.view in gone else each for each in holders
        ]
        askers = tuple(sorted(rest_of(name) for name in entries if kind_of_contributor(name) is ContributorKind.PROBE))
        attribute, _, folded = rest_of_key(key).partition("/")
        return cls(key, tenant_of(key), attribute, folded, tuple(holders), askers, latest(entries), explanations)

    def derived(self) -> Iterable[Derived]:
        """Tell object views that think of proposing this value who holds it; ask those of several holders whether the
        cloud has the say over them, so that AD's value goes nowhere.
        """
        derived = answer_holders(self.key, self.askers, (holder.party for holder in self.holders))
        ours = [holder.party for holder in self.holders if holder.party.exported_but_for_authority]
        if len(people(ours)) < 2:
            return derived
        asked = sorted({party.view for party in ours if party.view})
        return derived + [ask_counterparts(view, self.key) for view in asked]


def held_values(state: ObjectState) -> dict[str, str]:
    """View key -> the value that `state` stores; nothing for Entra objects, whose uniqueness Entra sees to."""
    if state.side != "ad":
        return {}
    held: dict[str, str] = {}
    nickname, target = state.text("mailNickname"), state.text("targetAddress")
    if nickname and nickname.strip():
        held[view_keys.value(state.tenant, "mailNickname", nickname.strip().lower())] = nickname
    if target and (address := fold_proxy_address(target)) is not None:
        held[view_keys.value(state.tenant, "targetAddress", address.folded)] = target
    if state.kind is ObjectKind.USER and not state.text("userPrincipalName"):
        account = state.text("sAMAccountName")
        if account:
            held[view_keys.value(state.tenant, "sAMAccountName", account.strip().lower())] = account
    return held
