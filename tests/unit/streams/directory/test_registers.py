"""The law of the registers themselves: any order, grouping and duplicates of statements end in the same state."""

from __future__ import annotations

from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.directory.registers import NO_STATEMENT, RegisterMap, base_of, merge, merge_bases

NAMES = st.sampled_from("abcd")
EMPTY = RegisterMap({}, {}, NO_STATEMENT)


@st.composite
def statements(draw: st.DrawFn) -> list[RegisterMap]:
    """Some statements of one object, each with a number of its own; the values are the numbers."""
    found = []
    for seq in range(1, draw(st.integers(1, 7)) + 1):
        named: dict[str, Any] = {name: draw(st.sampled_from((seq, None))) for name in draw(st.sets(NAMES))}
        found.append(RegisterMap.stated(named, seq, complete=draw(st.booleans())))
    return found


def merged(several: list[RegisterMap]) -> RegisterMap:
    return reduce(RegisterMap.merge, several, EMPTY)


@given(statements(), st.data())
def test_order_and_duplicates_do_no_harm(said: list[RegisterMap], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(said)))
    assert merged(data.draw(st.permutations(said + again))) == merged(said)


@given(statements(), st.data())
def test_merging_is_commutative_associative_and_idempotent(said: list[RegisterMap], data: st.DataObject) -> None:
    one, two, three = (merged(data.draw(st.lists(st.sampled_from(said)))) for _ in range(3))
    assert one.merge(two) == two.merge(one)
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(one) == one


@given(statements())
def test_each_name_is_what_the_newest_statement_on_it_said(said: list[RegisterMap]) -> None:
    """Against a plain reading: a complete statement is one on every name."""
    expected: dict[str, Any] = {}
    for each in said:
        complete = each.base != NO_STATEMENT
        expected = {} if complete else {name: value for name, value in expected.items() if name not in each.seqs}
        expected |= each.values
    assert merged(said).values == expected


@given(st.lists(st.tuples(st.integers(), st.integers(0, 5)), min_size=3, max_size=3, unique_by=lambda each: each[1]))
def test_a_register_keeps_the_newest(pairs: list[tuple[int, int]]) -> None:
    one, two, three = pairs
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three)) == max(pairs, key=lambda each: each[1])
    assert merge(one, one) == one


def test_of_two_with_one_number_the_later_in_the_log_stands() -> None:
    assert merge(("a", 1), ("b", 1)) == ("b", 1)
    first, second = (RegisterMap.stated({"a": value}, 1, complete=False) for value in "xy")
    assert first.merge(second).values == {"a": "y"}
    full = RegisterMap.stated({"b": "z"}, 1, complete=True)
    assert first.merge(full).values == {"b": "z"}


BASES = st.dictionaries(st.sampled_from("ab*"), st.integers(0, 9))


@given(BASES, BASES, BASES)
def test_bases_only_rise_whatever_comes_first(one: dict[str, int], two: dict[str, int], three: dict[str, int]) -> None:
    assert merge_bases(one, two) == merge_bases(two, one)
    assert merge_bases(merge_bases(one, two), three) == merge_bases(one, merge_bases(two, three))
    assert merge_bases(one, one) == one
    for name in "abc":
        assert base_of(merge_bases(one, two), name) == max(base_of(one, name), base_of(two, name))
