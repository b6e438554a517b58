"""The server view: what the event logs of one Connect server or provisioning agent last said.

Key: server/<tenant>/<name>. Contributors: "latest/<provider>/<event id>[/<connector>[/<run profile>]][@<domain>]", the
newest event of each kind, so that heartbeats and run results are told apart by when they were last seen;
"served/<tenant view>": since when other servers of the tenant do what this one did (a staging server took over).

The name is the short one. Where servers of one short name log in two domains, none of them may speak for the other: the
view hands what each said to a view of its own, server/<tenant>/<name>.<domain>, and keeps what names no domain.

Source: Microsoft, "Troubleshoot self-service password reset writeback" and "Troubleshoot password hash
synchronization": the events of PasswordResetService, ADSync and Directory Synchronization.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Self

import msgspec
from msgspec import Raw

from streams.contracts import view_keys
from streams.contracts.codec import encode
from streams.contracts.contributors import ContributorKind, kind_of_contributor, rest_of
from streams.contracts.events import Event
from streams.contracts.finding import Subject
from streams.contracts.view_keys import ViewKind, tenant_of
from streams.contracts.view_keys import rest_of as rest_of_key
from streams.views.events import events_in
from streams.views.installation.runs import ServerRuns, exporting_cycle
from streams.views.messages import Question, ServerLives, written
from streams.views.password.hash_sync import UNNAMED, lives_ms
from streams.views.questions import answer_export
from streams.views.view import Derived, Entry, latest

_WRITEBACK_LIVES = ("passwordresetservice/31015", "passwordresetservice/31019")
_ABOUT_PASSWORDS = ("directory synchronization/", "passwordresetservice/", "adsync/6900")
_STEP_MS = 600_000
"""A sign of life is told in whole steps: every single one would be news without use."""


class ServerView(msgspec.Struct, frozen=True):
    """One server.

    events:    the newest of each kind, the oldest first.
    served_ms: forest -> when another server last synchronised its password hashes.
    askers:    views of objects that were refused.
    written_ms: when another server's password writeback last lived; 0: never.
    namesakes: what is said of several servers of this short name, for their own views.
    """

    key: str
    tenant: str
    name: str
    events: tuple[Event, ...]
    changed_ms: int
    askers: tuple[str, ...] = ()
    served_ms: Mapping[str, int] = {}
    written_ms: int = 0
    namesakes: tuple[Derived, ...] = ()

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Always: a server stands alone."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        own = {
            name: entry for name, entry in entries.items() if kind_of_contributor(name) is not ContributorKind.SERVED
        }
        served = (entry.message for _, entry in sorted(entries.items()))
        lives = next((each for each in served if isinstance(each, ServerLives)), ServerLives())
        namesakes = _namesakes(key, own)
        own = {name: entry for name, entry in own.items() if name not in namesakes}
        return cls(
            key=key,
            tenant=tenant_of(key),
            name=rest_of_key(key),
            events=events_in(_newest(own)),
            changed_ms=latest(own),
            askers=tuple(sorted(rest_of(name) for name in own if kind_of_contributor(name) is ContributorKind.ASKS)),
            namesakes=tuple(namesakes.values()),
            served_ms=lives.forests,
            written_ms=lives.writeback_ms,
        )

    @property
    def seen_ms(self) -> int | None:
        """When it last logged anything; None if nothing is remembered."""
        return self.events[-1].ts_ms if self.events else None

    def latest(self, *names: str) -> Event | None:
        """The newest event of these names, e.g. "passwordresetservice/31019"."""
        return next((event for event in reversed(self.events) if event.name in names), None)

    def of(self, *names: str) -> list[Event]:
        """The newest event of each connector and run profile, of these names, the oldest first."""
        return [event for event in self.events if event.name in names]

    def served_elsewhere_ms(self, forest: str, forests: int) -> int:
        """When another server last served a forest; who names none vouches only for a server of one. 0: never."""
        served_ms = self.served_ms.get(forest, 0)
        if forest == UNNAMED:
            return max(self.served_ms.values(), default=0) if len(self.served_ms) == 1 else served_ms
        return max(served_ms, self.served_ms.get(UNNAMED, 0)) if forests == 1 else served_ms

    def subject(self) -> Subject:
        """This server as a finding's subject."""
        return Subject(kind=ViewKind.SERVER, key=self.key, display_name=self.name)

    def derived(self) -> Iterable[Derived]:
        """To its tenant: its runs (is a cycle under way, are exports held back?), and what of it lives, if anything.

        Objects that it was refused hear when it last exported.
        """
        tenant = view_keys.tenant(self.tenant)
        runs, lives = ServerRuns.of(self.events).body, self._lives()
        derived = [Derived(tenant, ContributorKind.RUNS.named(self.name), Raw(encode(runs)))] if runs else []
        derived += (
            [Derived(tenant, ContributorKind.LIVES.named(self.name), written(lives))] if lives is not None else []
        )
        derived += self.namesakes
        exported = exporting_cycle(self.events) if self.askers else None
        return derived + answer_export(self.key, self.askers, exported.begun_ms if exported is not None else 0)

    def _lives(self) -> ServerLives | None:
        forests = {forest: at_ms // _STEP_MS * _STEP_MS for forest, at_ms in sorted(lives_ms(self.events).items())}
        alive = self.latest(*_WRITEBACK_LIVES)
        if not forests and alive is None and not any(event.name.startswith(_ABOUT_PASSWORDS) for event in self.events):
            return None
        return ServerLives(forests, alive.ts_ms // _STEP_MS * _STEP_MS if alive is not None else 0)


def short_name(server: str) -> str:
    """As audit logs name a server: without its domain."""
    return server.partition(".")[0]


def _newest(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Of one slot the newest event, whether or not it names the domain: it is the same server."""
    named = [
        (message.ts_ms, name, message.domain)
        for name, entry in entries.items()
        if isinstance(message := entry.message, Event)
    ]
    named.sort(key=itemgetter(0, 1))
    return {name.removesuffix(f"@{domain}"): entries[name] for _, name, domain in named}


def _namesakes(key: str, entries: Mapping[str, Entry]) -> dict[str, Derived]:
    """What servers of two domains said, and who asks for one of them: each to its own view. Nothing where there is one.

    By contributor.
    """
    domains = {message.domain for entry in entries.values() if isinstance(message := entry.message, Event)} - {None}
    if len(domains) < 2:
        return {}
    return {
        name: Derived(f"{key}.{message.domain}", name, entry.body)
        for name, entry in sorted(entries.items())
        if isinstance(message := entry.message, Event | Question) and message.domain in domains
    }


def served_by_others(tenant: str, lives: Mapping[str, ServerLives]) -> list[Derived]:
    """What a tenant tells each of its servers: what lives on the others. `lives`: server -> what it tells itself."""
    derived = []
    for server in lives:
        others = [each for name, each in lives.items() if name != server]
        forests: dict[str, int] = {}
        for each in others:
            for forest, at_ms in each.forests.items():
                forests[forest] = max(forests.get(forest, 0), at_ms)
        alive = ServerLives(dict(sorted(forests.items())), max((each.writeback_ms for each in others), default=0))
        if alive != ServerLives():
            name = ContributorKind.SERVED.named(view_keys.tenant(tenant))
            derived.append(Derived(view_keys.server(tenant, server), name, written(alive)))
    return derived
