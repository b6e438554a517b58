"""`synchealth resync`: which sources are meant, and how far an order is."""

from __future__ import annotations

import click
import pytest

from deploy.cli.resync import OrderStatus, choose, new_order
from producers.publisher import checkpoint_key
from streams.contracts.checkpoint import Checkpoint, contact_record
from streams.contracts.codec import encode
from streams.contracts.orders import Answer, Order
from streams.runtime.settings import EventLogSettings, ForestSettings, Settings, TenantSettings

NOON_MS = 1_795_000_000_000
T1, T2 = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60", "7a1c0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
ORDER = Order("ad/corp.example", "1", "somebody", "lost", NOON_MS)


def settings() -> Settings:
    forest = {"servers": ["ldaps://dc"], "bind_user": "u", "bind_password": "x"}
    return Settings(
        forest=[ForestSettings(name=name, tenant=T1, **forest) for name in ("corp.example", "lab.example")],
        tenant=[TenantSettings(id=each, client_id="c", client_secret="s") for each in (T1, T2)],
        eventlog=[EventLogSettings(name="servers", tenant=T1, format="winlogbeat", topics=["winlogbeat"])],
    )


@pytest.mark.parametrize(
    ("source", "narrowed", "chosen"),
    [
        ("ad:corp.example", {}, ["ad:corp.example"]),
        ("ad/Corp.example", {}, ["ad:corp.example"]),
        (f"entra/{T1}", {}, [f"graph:{T1}"]),
        ("ad", {}, ["ad:corp.example", "ad:lab.example"]),
        ("ad", {"forest": "lab.example"}, ["ad:lab.example"]),
        ("graph", {"tenant": T2[:8]}, [f"graph:{T2}"]),
        ("all", {"tenant": T1}, ["ad:corp.example", "ad:lab.example", f"graph:{T1}", "eventlog:servers"]),
    ],
)
def test_sources_are_named_as_anywhere_else(source: str, narrowed: dict[str, str], chosen: list[str]) -> None:
    assert choose(settings(), source, narrowed.get("forest"), narrowed.get("tenant")) == chosen


@pytest.mark.parametrize(
    ("source", "narrowed", "word"),
    [
        ("ad:corp.exmple", {}, "did you mean ad:corp.example"),
        ("grph", {}, "did you mean graph"),
        ("ad", {"forest": "lab.exampel"}, "did you mean lab.example"),
        ("graph", {"tenant": "nobody"}, T1),
        ("eventlog", {"tenant": T2}, "eventlog:servers"),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(source: str, narrowed: dict[str, str], word: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        choose(settings(), source, narrowed.get("forest"), narrowed.get("tenant"))
    assert word in raised.value.message


def standing(*words: Checkpoint) -> OrderStatus:
    found = OrderStatus()
    for each in words:
        found.read(checkpoint_key(each).encode(), encode(each))
    found.read(b"resync#x", b"no JSON")
    return found


def contact(ago_s: int, phase: str = "streaming", done: int = 0) -> Checkpoint:
    ts_ms = NOON_MS - ago_s * 1000
    return contact_record(ORDER.source, contact_ms=ts_ms, ts_ms=ts_ms, phase=phase, done=done)


def test_how_far_it_is_says_who_is_waited_for() -> None:
    begun = Answer(ORDER.scope, ORDER.id, "begun", NOON_MS, begun_ms=NOON_MS, pause_ms=900_000)
    earlier = Answer(ORDER.scope, "0", "done", NOON_MS, begun_ms=NOON_MS - 60_000, pause_ms=900_000)
    assert "was never heard: start it" in standing(ORDER.record()).state(ORDER, NOON_MS)
    assert "heard 5 min ago" in standing(contact(300)).state(ORDER, NOON_MS)
    assert "begins within seconds" in standing(contact(3)).state(ORDER, NOON_MS)
    assert "waits until" in standing(contact(3), earlier.record()).state(ORDER, NOON_MS)
    assert "1,234 so far" in standing(contact(3, "resync", 1234), begun.record()).state(ORDER, NOON_MS)
    assert standing(begun.done(NOON_MS).record()).state(ORDER, NOON_MS).startswith("done at 2026-")


def test_an_order_by_hand_says_whose_it_is() -> None:
    first, second = new_order(f"graph:{T1}", "users", "by hand"), new_order(f"graph:{T1}", "users", "by hand")
    assert first.scope == f"entra/{T1}#users" and "@" in first.by and first.id != second.id
