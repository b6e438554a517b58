"""Traces of the engine that name nobody (ADSync 6329), and the refusals of the moment: whose trace is it?

A refusal "33001, hr=80004005" says nothing of the cause; the trace beside it does, and often names no user. Both are
written by one server within the same second or two.

Key: trace/<tenant>/<server>/<slot of time>. Contributors: "event/<id>" of such traces, and "refusal/<event id>" of
refusals that name their user. A word is said in the slot of its time, a refusal in the neighbouring one too where it
is near; so each finds the other.

Source: Microsoft, "RPC errors affecting Microsoft Entra Connect", example 3 (33001 with 6329, which names nobody).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from streams.contracts import view_keys
from streams.contracts.contributors import ContributorKind, kind_of_contributor
from streams.contracts.events import Event, Log, Result
from streams.contracts.view_keys import tenant_of
from streams.views.messages import Refused, written
from streams.views.view import Derived, Entry, latest

TRACE = "adsync/6329"
NEAR_MS = 5_000
_SLOT_MS = 60_000


class PasswordTraceView(msgspec.Struct, frozen=True):
    """Traces without a name, and (user view, time) of the refusals around them."""

    key: str
    tenant: str
    traces: tuple[tuple[str, Event], ...]
    refusals: tuple[tuple[str, int], ...]
    changed_ms: int

    @staticmethod
    def needs_evaluation(entries: Mapping[str, Entry]) -> bool:
        """Where there is a trace, and somebody whose it may be."""
        return any(kind_of_contributor(name) is ContributorKind.REFUSAL for name in entries) and len(entries) > 1

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        messages = {name: entry.message for name, entry in sorted(entries.items())}
        return cls(
            key=key,
            tenant=tenant_of(key),
            traces=tuple((name, message) for name, message in messages.items() if isinstance(message, Event)),
            refusals=tuple(
                (message.user, message.ts_ms) for message in messages.values() if isinstance(message, Refused)
            ),
            changed_ms=latest(entries),
        )

    def derived(self) -> Iterable[Derived]:
        """Each trace to the user whose refusal is nearest; to nobody where two users' are equally near."""
        derived = []
        for name, trace in self.traces:
            near = sorted((abs(ts_ms - trace.ts_ms), user) for user, ts_ms in self.refusals)
            near = [each for each in near if each[0] <= NEAR_MS]
            users = {user for distance_ms, user in near if distance_ms == near[0][0]}
            if len(users) == 1:
                derived.append(Derived(users.pop(), name, written(trace)))
        return derived


def trace_keys(event: Event) -> list[str]:
    """The views in which a trace, or a refusal, takes part."""
    if event.log is not Log.WINDOWS or event.server is None:
        return []
    around = (event.ts_ms,) if event.name == TRACE else (event.ts_ms - NEAR_MS, event.ts_ms, event.ts_ms + NEAR_MS)
    slots = dict.fromkeys(each // _SLOT_MS for each in around)
    server = f"{event.server}.{event.domain}" if event.domain else event.server
    return [view_keys.trace(event.tenant, server, slot) for slot in slots]


def is_unnamed_trace(event: Event) -> bool:
    """A trace that names no user."""
    return event.name == TRACE and event.entra_id is None and event.source_anchor is None


def refusal_of(event: Event) -> Refused | None:
    """What a refusal says to the traces around it; None: it is none, or names nobody."""
    refused = event.name.startswith("passwordresetservice/330") and event.result is Result.FAILURE
    if not refused or event.source_anchor is None:
        return None
    return Refused(view_keys.user(event.tenant, event.source_anchor), event.ts_ms)
