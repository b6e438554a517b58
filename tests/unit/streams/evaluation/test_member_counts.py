"""A group knows how many members it has, whatever order its changes come in and however often."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.contracts.codec import decode
from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation
from streams.directory.links import MEMBER
from streams.directory.object_row import state_key
from streams.directory.rows import MemoryRows
from streams.directory.state import ObjectState
from streams.evaluation.projector import Projector
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import AD

PEOPLE = [guid_of(f"n{number}") for number in range(12)]


def _history(chance: random.Random, steps: int) -> tuple[list[Fact], set[str]]:
    """Facts about one group in order, and who is in it at the end."""
    facts, members = [], set[str]()
    for number in range(steps):
        seq, some = (START_MS + number) << 12, chance.sample(PEOPLE, chance.randrange(1, 5))
        links, full = {}, chance.random() < 0.15
        if full or chance.random() < 0.2:
            members = set(some) if chance.random() < 0.8 else set()
            links = {MEMBER: LinkChange(added=_links(members), complete=True)} if members or not full else {}
        elif chance.random() < 0.6:
            members |= set(some)
            links = {MEMBER: LinkChange(added=_links(some))}
        else:
            members -= set(some)
            links = {MEMBER: LinkChange(removed=_links(some)), "manager": LinkChange(added=_links(some[:1]))}
        op = Operation.READ if full else Operation.UPDATED
        attributes = {"distinguishedName": "CN=g,DC=corp", "objectSid": "S-1-5-21-1-2-3-9"}
        facts.append(
            Fact(
                op=op, object_id=guid_of("g"), seq=seq, ts_ms=START_MS, kind=ObjectKind.GROUP, full=full,
                attributes=attributes, links=links,
            )
        )  # fmt: skip
    return facts, members


def _links(ids: list[str] | set[str]) -> list[Link]:
    """Some without a SID, as contacts are: they are members all the same."""
    return [Link(id=each, sid=f"S-1-{each}" if each > "8" else None) for each in sorted(ids)]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 25))
def test_order_repetition_and_replay_change_nothing(seed: int, steps: int) -> None:
    chance = random.Random(seed)
    facts, members = _history(chance, steps)
    told = facts + chance.sample(facts, chance.randrange(len(facts) + 1))
    chance.shuffle(told)
    projector, rows = Projector({}), MemoryRows()
    for fact in told:
        before = dict(rows.rows)
        projector.apply(AD, fact, rows)
        if chance.random() < 0.2:  # killed after the link rows were written and before the group's own row was
            key = state_key(guid_of("g"))
            rows.put(key, before.get(key))
            projector.apply(AD, fact, rows)
    state = decode(rows.rows[state_key(guid_of("g"))], ObjectState)
    assert sum(state.member_counts.values()) == len(members)
    assert all(state.member_counts.values())


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 25))
def test_facts_of_one_number_count_in_the_order_of_the_log(seed: int, steps: int) -> None:
    """As they have it whose numbers were lowered to what their common arrival allows (streams.agents.plausible)."""
    facts, members = _history(random.Random(seed), steps)
    projector, rows = Projector({}), MemoryRows()
    for fact in [*facts, *facts]:
        projector.apply(AD, replace(fact, seq=START_MS << 12), rows)
    state = decode(rows.rows[state_key(guid_of("g"))], ObjectState)
    assert sum(state.member_counts.values()) == len(members)
