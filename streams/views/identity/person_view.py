"""The view of a person: who is taken for one, where a tenant joins people of several forests.

Key: person/<tenant>/<attribute>:<value> (streams.directory.person), where a tenant joins by more than the SID of a
linked mailbox. Contributors: "ad/<AD object>". It tells the views of those whom it joins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind
from streams.contracts.facts import ObjectKind
from streams.contracts.view_keys import tenant_of
from streams.directory.party import Party
from streams.directory.person import LINKED
from streams.views.messages import Joined, OnePerson, written
from streams.views.view import Derived, Entry, latest


class PersonView(msgspec.Struct, frozen=True):
    """Who has one key; `parties`: in scope, and linked mailboxes."""

    key: str
    tenant: str
    parties: tuple[Party, ...]
    changed_ms: int

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Whether two have it."""
        return len(entries) > 1

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        messages = (entry.message for _, entry in sorted(entries.items()))
        parties = (each.party for each in messages if isinstance(each, OnePerson))
        found = tuple(party for party in parties if party.in_scope or party.out_of_scope == LINKED)
        return cls(key, tenant_of(key), found, latest(entries))

    def derived(self) -> Iterable[Derived]:
        """Tell the one active account whom it is joined with, and these that they are.

        Of several active accounts nobody knows which is meant. Without one, any of the others may stand for the person.
        """
        accounts = [party for party in self.parties if not party.half]
        if len(accounts) > 1:
            return
        forest = accounts[0].forest if accounts else None
        halves = [party for party in self.parties if party.half and party.forest != forest]
        if not halves or (not accounts and len({party.forest for party in halves}) < 2):
            return
        for party in [*accounts, *halves]:
            if party.view is not None and party.kind == ObjectKind.USER:
                yield Derived(
                    party.view, ContributorKind.JOINED.named(self.key), written(Joined(account=not party.half))
                )
        for account in accounts:
            if account.sid is not None:
                principal = view_keys.reference(self.tenant, account.sid)
                yield Derived(principal, ContributorKind.JOINED.named(self.key), written(Joined()))
