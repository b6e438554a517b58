"""The address view: who claims one address, on either side.

Key: address/<tenant>/<folded address>. Contributors: "ad/<AD object>", "entra/<object id>", questions of object views
that might propose the address, answers of those that were asked who stands there (streams.views.questions), and
"event/<id>" of steps of a password operation that name their user by nothing but the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

import msgspec
from msgspec.structs import replace

from streams.contracts.contributors import ContributorKind, prefixes, rest_of
from streams.contracts.events import Event, Result
from streams.contracts.facts import ObjectKind
from streams.contracts.finding import Holder, Subject
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.contracts.view_keys import tenant_of
from streams.directory.addresses import Address, fold_address, fold_proxy_address
from streams.directory.engines import CLOUD_SYNC
from streams.directory.event_slots import EXPORT_ERROR
from streams.directory.party import Party, people
from streams.directory.person import LINKED
from streams.directory.state import ObjectState
from streams.views.events import events_in
from streams.views.messages import (
    AddressClaims,
    Claim,
    Counterparts,
    ExportBegan,
    MovedToCloud,
    Question,
    written,
)
from streams.views.questions import answer_holders, ask_counterparts, ask_export
from streams.views.view import Derived, Entry, latest

_EVENTS, _OF_AD = prefixes(ContributorKind.EVENT), prefixes(ContributorKind.AD)


class Claimant(msgspec.Struct, frozen=True):
    """A party and its claims on this address."""

    party: Party
    claims: tuple[Claim, ...]
    changed_ms: int

    @property
    def attributes(self) -> list[str]:
        """The attributes that hold, or should hold, the address."""
        return [claim.attribute for claim in self.claims]

    @property
    def holds(self) -> bool:
        """Whether it has the address now (an AD object always does)."""
        return any(not claim.wanted for claim in self.claims)

    @property
    def primary(self) -> bool:
        """Whether soft match would look at its claim."""
        return any(claim.primary and not claim.wanted for claim in self.claims)


class AddressView(msgspec.Struct, frozen=True):
    """Everyone who claims one address.

    counterparts: object view -> ids of its Entra objects; only for claimants and owners that were asked about.
    moved_ms:     the same -> when its AD side last changed, left or died (ms); None: it has, and lately had, none.
    askers:       object views that might propose this address to somebody, or whose object was refused with it;
    refused:      those of them whose refusal stands (streams.views.identity.refusals).
    refusal:      the newest export error about the address that names no object (ADSync 6941 without a DN).
    exported_ms:  when a cycle that has exported and ended began (ms), asked while there is such an error.
    steps:        what logs tell of whoever signs in by this address.
    """

    key: str
    tenant: str
    address: Address
    claimants: tuple[Claimant, ...]
    counterparts: Mapping[str, tuple[str, ...]]
    askers: tuple[str, ...]
    changed_ms: int
    refusal: Event | None = None
    exported_ms: int = 0
    steps: tuple[Event, ...] = ()
    refused: frozenset[str] = frozenset()
    moved_ms: Mapping[str, int | None] = {}

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """More than the two sides of one object, or a cloud object that should hold the address and does not."""
        if len(entries) > 2:
            return True
        if len(entries) == 1 and next(iter(entries)).startswith(_OF_AD):
            return False  # it has what it wants
        messages = [message for entry in entries.values() if isinstance(message := entry.message, AddressClaims)]
        if len(messages) < len(entries) or any(claim.wanted for message in messages for claim in message.claims):
            return True
        return len(messages) == 2 and not _is_one_object(messages[0].party, messages[1].party)

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        claimants, counterparts, askers, refused = [], {}, [], set()
        moved_ms: dict[str, int | None] = {}
        cloud_managed: set[str | None] = set()
        exported_ms = 0
        for contributor, entry in sorted(entries.items()):
            rest = rest_of(contributor)
            match entry.message:
                case AddressClaims(party=party, claims=claims):
                    claimants.append(Claimant(party, tuple(claims), entry.changed_ms))
                case Counterparts() as answer:
                    counterparts[rest] = tuple(answer.entra or ())
                    if answer.cloud_managed:
                        cloud_managed.add(rest)
                    if answer.ad_ms is not None:
                        moved_ms[rest] = answer.ad_ms or None
                case Question(refused=stands):
                    askers.append(rest)
                    if stands:
                        refused.add(rest)
                case ExportBegan(began_ms=began_ms):
                    exported_ms = max(exported_ms, began_ms)
        theirs = [each.party for each in claimants if each.party.cloud_managed]
        claimants = [
            replace(each, party=each.party.unexported())
            if each.party.view in cloud_managed or any(_was_exported_as(each.party, cloud) for cloud in theirs)
            else each
            for each in claimants
        ]
        address = Address(rest_of_key(key))
        events = events_in(entries)
        refusals = [event for event in events if event.name == EXPORT_ERROR and event.result is Result.FAILURE]
        return cls(
            key,
            tenant_of(key),
            address,
            tuple(claimants),
            counterparts,
            tuple(askers),
            latest({name: entry for name, entry in entries.items() if not name.startswith(_EVENTS)}),
            refusals[-1] if refusals else None,
            exported_ms,
            tuple(event for event in events if event.name != EXPORT_ERROR),
            frozenset(refused),
            moved_ms,
        )

    @property
    def standing_refusal(self) -> Event | None:
        """The export error that names no object, unless a later export has told of it no more."""
        return self.refusal if self.refusal is not None and self.exported_ms <= self.refusal.ts_ms else None

    @property
    def ad(self) -> list[Claimant]:
        """AD objects in scope that claim the address, and linked mailboxes whose account stands here, too."""
        return [each for each in self.claimants if each.party.in_scope or self._stands_for(each.party)]

    def _stands_for(self, party: Party) -> bool:
        return party.out_of_scope == LINKED and any(
            other.party.is_one_person_with(party)
            for other in self.claimants
            if other.party.in_scope or other.party.side == "entra"
        )

    @property
    def entra(self) -> list[Claimant]:
        """Entra objects that hold the address or should."""
        return [claimant for claimant in self.claimants if claimant.party.side == "entra"]

    def cloud_side(self, claimant: Claimant) -> Claimant | None:
        """The claimant's own Entra object, if that has a say on this address too."""
        theirs = (other for other in self.entra if claimant.party.matches(other.party))
        return next((other for other in theirs if not self._joined_in_vain(claimant, other)), None)

    def _joined_in_vain(self, claimant: Claimant, cloud: Claimant) -> bool:
        """Whether Entra Connect would join the two, but the Entra object is of Cloud Sync, which joins nobody."""
        own = [each.party for each in self.ad if each.party.view is not None and each.party.view == cloud.party.view]
        return claimant.party not in own and any(party.engine == CLOUD_SYNC for party in own)

    def forest_of(self, claimant: Claimant) -> str | None:
        """The forest of a claimant; of an Entra object that of its own AD side, else of any AD claimant."""
        own = [other for other in self.ad if other.party.matches(claimant.party)]
        return claimant.party.forest or next((other.party.forest for other in own or self.ad), None)

    def holders(self, roles: Mapping[str, str]) -> tuple[Holder, ...]:
        """Everyone on either side, with the role that a rule gives them by identity."""
        return tuple(
            claimant.party.holder(roles.get(claimant.party.identity), claimant.attributes)
            for claimant in self.claimants
        )

    def object_views(self, claimants: Iterable[Claimant]) -> tuple[str, ...]:
        """The views of these objects; what is out of scope has nothing in the cloud that could suffer."""
        parties = (claimant.party for claimant in claimants)
        return tuple(sorted({party.view for party in parties if party.view and party.out_of_scope is None}))

    def subject(self, claimant: Claimant) -> Subject:
        """This address as a finding's subject, with the object that suffers."""
        return claimant.party.subject(self.key)

    def derived(self) -> Iterable[Derived]:
        """Ask the object views of AD claimants and synchronised owners for both sides, if there is anything to settle.

        Object views that think of proposing the address are told who has it; the user who signs in by it, what logs
        tell of its owner.
        """
        derived = answer_holders(self.key, self.askers, (claimant.party for claimant in self.claimants))
        if self.refusal is not None:
            derived += ask_export(self.refusal, self.key)
        derived += self._moved()
        user = self._signs_in() if self.steps else None
        if user is not None:
            derived += [Derived(user, ContributorKind.EVENT.named(event.id), written(event)) for event in self.steps]
        # Not dependent on the answers, else they would take themselves back.
        ad = [claimant for claimant in self.claimants if claimant.party.exported_but_for_authority]
        parties = {claimant.party.identity for claimant in (*ad, *self.entra)}
        if not ad or len(parties) < 2 or (len(people(each.party for each in ad)) == 1 and self._settled(ad)):
            return derived
        asked = {claimant.party.view for claimant in (*ad, *(each for each in self.entra if each.party.synced))}
        return derived + [ask_counterparts(view, self.key) for view in sorted(filter(None, asked))]

    def _moved(self) -> list[Derived]:
        """To contacts of AD that their cloud objects have moved on: by who claims the address, never by answers."""
        clouds = [claimant.party for claimant in self.entra if claimant.party.cloud_managed]
        ours = [each.party for each in self.claimants if each.party.kind == "contact"] if clouds else []
        return [
            Derived(party.view, ContributorKind.MOVED.named(self.key), written(MovedToCloud(cloud_managed=True)))
            for party in ours
            if party.view and party.exported_but_for_authority and any(_was_exported_as(party, each) for each in clouds)
        ]

    def _signs_in(self) -> str | None:
        """The view of the one user who signs in by the address: as the cloud has it, else as AD has it."""
        for claimants in (self.entra, [each for each in self.claimants if each.party.side == "ad"]):
            views = {
                claimant.party.view
                for claimant in claimants
                if any(claim.attribute == "userPrincipalName" for claim in claimant.claims)
            }
            if views:
                return views.pop() if len(views) == 1 else None
        return None

    def _settled(self, claimants: Sequence[Claimant]) -> bool:
        """Whether one Entra object is theirs, and nobody else's has a say."""
        theirs = all(any(each.party.matches(cloud.party) for each in claimants) for cloud in self.entra)
        return theirs and len(self.entra) < 2


def _is_one_object(one: Party, other: Party) -> bool:
    """Whether these are the two sides of one object that synchronisation has the say over."""
    apart = {one.side, other.side} == {"ad", "entra"} and not (one.cloud_managed or other.cloud_managed)
    return apart and one.kind == other.kind and one.view is not None and one.view == other.view


def _was_exported_as(ours: Party, cloud: Party) -> bool:
    """Whether the cloud manages what this AD object was once exported as; of contacts, which have no anchor, by this
    address, for the cloud may have given it another primary one.
    """
    return ours.matches(cloud) or ours.kind == cloud.kind == "contact"


def address_claims(state: ObjectState) -> dict[str, list[Claim]]:
    """Folded address -> the claims `state` makes on it, in the order of its attributes."""
    claims: dict[str, list[Claim]] = {}
    for address, claim in _claims(state):
        if address is not None:
            claims.setdefault(address.folded, []).append(claim)
    return claims


def _claims(state: ObjectState) -> Iterator[tuple[Address | None, Claim]]:
    if state.kind not in (ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT):
        return
    upn = state.text("userPrincipalName") if state.kind is ObjectKind.USER else None
    if upn:
        yield fold_address(upn), Claim("userPrincipalName", upn, primary=True)
    proxies = [(fold_proxy_address(value), value) for value in state.texts("proxyAddresses")]
    has_primary = any(address is not None and address.primary for address, _ in proxies)
    mail = state.text("mail")
    if mail:
        # Without a primary proxy address, Entra makes mail the primary one.
        yield fold_address(mail), Claim("mail", mail, primary=not has_primary)
    for address, value in proxies:
        yield address, Claim("proxyAddresses", value, primary=address is not None and address.primary)
    if state.side == "entra" and state.attributes.get("onPremisesSyncEnabled") is True:
        yield from _wanted(state, upn)


def _wanted(state: ObjectState, upn: str | None) -> Iterator[tuple[Address | None, Claim]]:
    """What a synchronised Entra object should hold and does not."""
    ours = state.text("onPremisesUserPrincipalName")
    if ours and upn and ours.lower() != upn.lower():
        yield fold_address(ours), Claim("onPremisesUserPrincipalName", ours, wanted=True)
    errors = state.attributes.get("onPremisesProvisioningErrors")
    for error in errors if isinstance(errors, list) else ():
        value = error.get("value") if isinstance(error, dict) else None
        if isinstance(value, str):
            attribute = str(error.get("propertyCausingError") or "unknown")
            yield fold_proxy_address(value), Claim(attribute, value, wanted=True, error=error)
