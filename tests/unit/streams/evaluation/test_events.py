"""Events reach the views that need them, by whichever name they carry, in any order and any number of times."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.codec import convert, decode
from streams.contracts.counts import TenantCount
from streams.contracts.events import Event
from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.contracts.identity import immutable_id_of_guid
from streams.evaluation.view_row import ViewRow
from streams.views.identity.object_view import UserView
from streams.views.installation.tenant_view import TenantView
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

ANCHOR = immutable_id_of_guid(guid_of("ann"))
RESET = {"name": "reset password (self-service)", "details": {"service": "self-service password management"}}


def _event(number: int, **more: Any) -> Event:
    at = START_MS + number * 1000
    filled = {"id": f"e{number}", "log": "audit", "name": "x", "tenant": TENANT, "ts_ms": at, "seen_ms": at}
    return convert({**filled, **more}, Event)


def _user(anchor: str = ANCHOR, seq: int = START_MS << 12, *, synced: bool = True) -> Fact:
    return Fact(
        op=Operation.READ, object_id=guid_of("cloud"), seq=seq, ts_ms=START_MS, kind=ObjectKind.USER, full=True,
        attributes={"onPremisesImmutableId": anchor, "onPremisesSyncEnabled": synced, "userPrincipalName": "ann@x.com"},
    )  # fmt: skip


def _view(pipeline: Pipeline, key: str) -> Any:
    raw = pipeline.view_rows.get(key)
    return decode(raw, ViewRow).view(key) if raw else None


def _events(pipeline: Pipeline, key: str) -> list[str]:
    view = _view(pipeline, key)
    return [event.id for event in view.events] if view is not None else []


def test_an_audit_finds_its_user_by_the_entra_id_even_if_the_user_is_told_of_later() -> None:
    pipeline = Pipeline()
    pipeline.log([_event(1, entra_id=guid_of("cloud"), **RESET)], now_ms=START_MS)
    assert _view(pipeline, f"user/{TENANT}/{ANCHOR}") is None
    pipeline.feed(ENTRA, [_user()])
    view = _view(pipeline, f"user/{TENANT}/{ANCHOR}")
    assert isinstance(view, UserView)
    assert [event.id for event in view.events] == ["e1"]


def test_events_follow_an_object_to_its_new_view() -> None:
    pipeline, other = Pipeline(), immutable_id_of_guid(guid_of("bea"))
    pipeline.feed(ENTRA, [_user()])
    pipeline.log([_event(1, entra_id=guid_of("cloud"), **RESET)], now_ms=START_MS)
    pipeline.feed(ENTRA, [_user(other, seq=(START_MS << 12) + 1)])
    assert _events(pipeline, f"user/{TENANT}/{ANCHOR}") == []
    assert _events(pipeline, f"user/{TENANT}/{other}") == ["e1"]


def test_an_event_is_forgotten_and_does_not_come_back_with_a_replay() -> None:
    pipeline, day = Pipeline(), 86_400_000
    event = _event(0, name="passwordresetservice/31003", log="windows", server="aadc01", source_anchor=ANCHOR)
    pipeline.log([event], now_ms=START_MS)
    assert _events(pipeline, f"user/{TENANT}/{ANCHOR}") == ["e0"]
    pipeline.tick(START_MS + day)
    assert _events(pipeline, f"user/{TENANT}/{ANCHOR}") == []
    assert _events(pipeline, f"server/{TENANT}/aadc01") == ["e0"], "the server remembers its kind for a week"
    pipeline.log([event], now_ms=START_MS + day)
    assert _events(pipeline, f"user/{TENANT}/{ANCHOR}") == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_order_and_repetition_change_nothing(seed: int) -> None:
    chance = random.Random(seed)
    names = [RESET, {"name": "directory synchronization/654", "log": "windows", "server": "aadc01"}]
    events = [_event(n, entra_id=guid_of("cloud"), **chance.choice(names)) for n in range(chance.randrange(1, 9))]
    told: list[Any] = [*events, *chance.sample(events, chance.randrange(len(events) + 1)), _user()]
    keys = [f"user/{TENANT}/{ANCHOR}", f"server/{TENANT}/aadc01"]
    results = []
    for shuffled in (False, True):
        pipeline = Pipeline()
        order = list(told)
        if shuffled:
            chance.shuffle(order)
        for item in order:
            if isinstance(item, Fact):
                pipeline.feed(ENTRA, [item], now_ms=START_MS)
            else:
                pipeline.log([item], now_ms=START_MS)
            if chance.random() < 0.2:
                pipeline.restart()
        results.append([_events(pipeline, key) for key in keys])
    assert results[0] == results[1]


def test_exports_tell_the_tenant_which_servers_write() -> None:
    pipeline = Pipeline()
    for number, server in enumerate(["aadc01", "aadc01", "aadc02"]):
        details = {"sync_server": server, "category": "UserManagement"}
        pipeline.log([_event(number * 20, name="update user", entra_id="x", details=details)], now_ms=START_MS)
    view = _view(pipeline, f"tenant/{TENANT}")
    assert isinstance(view, TenantView)
    assert [server for _, server in view.exports] == ["aadc01", "aadc01", "aadc02"]
    assert view.events == ()


def test_counts_survive_restarts_and_reach_the_tenant() -> None:
    pipeline = Pipeline()
    pipeline.feed(ENTRA, [_user(synced=False)])
    pipeline.tick(START_MS + 1000)
    assert _view(pipeline, f"tenant/{TENANT}") is None, "a cloud object of its own is not synchronisation's to count"
    pipeline.feed(ENTRA, [_user(seq=(START_MS << 12) + 1)])
    pipeline.worked_off(ENTRA)
    pipeline.tick(START_MS + 1500)
    assert _view(pipeline, f"tenant/{TENANT}").counts == {TenantCount("orphans", ("none", "user")): 1}
    ad = Fact(
        op=Operation.READ, object_id=guid_of("ann"), seq=1, ts_ms=START_MS, kind=ObjectKind.USER, full=True,
        attributes={"sAMAccountName": "ann", "distinguishedName": "CN=ann,DC=corp"},
    )  # fmt: skip
    pipeline.feed(AD, [ad])
    pipeline.restart()
    pipeline.tick(START_MS + 2000)
    assert _view(pipeline, f"tenant/{TENANT}").counts == {TenantCount("objects", ("corp", "user", "synced")): 1}
    gone = Fact(op=Operation.DELETED, object_id=guid_of("ann"), seq=2, ts_ms=START_MS + 2000)
    pipeline.feed(AD, [gone])
    pipeline.tick(START_MS + 3000)
    counted = TenantCount("objects", ("corp", "user", "leaving_deleted"))
    assert _view(pipeline, f"tenant/{TENANT}").counts == {counted: 1}
