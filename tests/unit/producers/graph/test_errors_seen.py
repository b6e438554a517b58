"""What was told of errors, kept over restarts: the sweep speaks only where it differs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from producers.graph.collections import ERRORS
from producers.graph.errors_seen import ErrorsSeen, digest
from streams.contracts.facts import Fact, Operation

IDS = [f"{letter}e1a2c90-5b7d-4f38-9c21-0a4be37d1f55" for letter in "0123ab"]
errors = st.lists(
    st.fixed_dictionaries({"category": st.sampled_from("xy"), "value": st.sampled_from("abc")}), max_size=3
)
said = st.tuples(st.sampled_from(IDS), st.sampled_from(["full", "partial", "other", "deleted"]), errors)


def fact(object_id: str, what: str, found: list[dict[str, str]]) -> Fact:
    op = Operation.DELETED if what == "deleted" else Operation.UPDATED
    attributes = {} if what in {"other", "deleted"} else {ERRORS[0]: found}
    return Fact(op=op, object_id=object_id, seq=1, ts_ms=1, attributes=attributes, full=what == "full")


@given(history=st.lists(said, max_size=30), save_every=st.integers(1, 5))
def test_it_holds_what_the_facts_said_also_after_a_restart(
    history: list[tuple[str, str, list[dict[str, str]]]], save_every: int
) -> None:
    seen, parts, model = ErrorsSeen("entra/t", "users/errors"), {}, {}
    for number, (object_id, what, found) in enumerate(history):
        seen.note(fact(object_id, what, found))
        if what == "deleted":
            model.pop(object_id, None)
        elif what != "other":
            model[object_id] = found
        if number % save_every == 0:
            parts |= {part.part: part for part in seen.changes(1, 1)}
    parts |= {part.part: part for part in seen.changes(1, 1)}
    restored = ErrorsSeen("entra/t", "users/errors")
    restored.restore(parts.values())
    for each in (seen, restored):
        assert set(each.ids()) == {object_id for object_id, found in model.items() if found}
        for object_id in IDS:
            assert not each.differs(object_id, {ERRORS[0]: model.get(object_id, [])})


@given(found=errors)
def test_the_order_of_errors_does_not_count(found: list[dict[str, str]]) -> None:
    assert digest({ERRORS[0]: found}) == digest({ERRORS[0]: found[::-1]})
    assert (digest({ERRORS[0]: found}) is None) == (not found)
