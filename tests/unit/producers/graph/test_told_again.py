"""What was told gone is told gone again by an ordered reading: no list of Entra ID has it any more."""

from __future__ import annotations

from typing import Any, cast

from producers.graph.collections import CONTACTS
from producers.graph.delta import DeltaTask
from producers.graph.errors_seen import ErrorsSeen
from producers.graph.task import Step
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.facts import Operation
from streams.runtime.clock import HybridClock

SOURCE = "entra/t"
LEAVER, STAYS = (f"6e1a2c90-5b7d-4f38-9c21-00000000000{number}" for number in (1, 2))


def task(saved: list[Checkpoint]) -> DeltaTask:
    made = DeltaTask(CONTACTS, cast(Any, None), SOURCE, HybridClock(), ErrorsSeen(SOURCE, "contacts/errors"), 1.0)
    made.restore(saved)
    return made


def page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"value": list(items), "@odata.deltaLink": "https://graph/delta"}


def ordered() -> list[Checkpoint]:
    """What is saved once everything is ordered again, after one of two contacts was told gone."""
    first, step = task([]), Step()
    first._apply_page(page({"id": LEAVER}, {"id": STAYS}), step)
    first._apply_page(page({"id": LEAVER, "@removed": {"reason": "deleted"}}), step)
    assert [fact.op for fact in step.facts][-1] is Operation.DELETED
    assert not first.gone_again(1), "nothing is ordered"
    begun = Step()
    assert first.emit_again(begun)
    return begun.checkpoints


def test_after_a_restart_too() -> None:
    again = task(ordered())
    assert again.ledger.ordered and again.full_pass is not None
    assert [(fact.object_id, fact.op) for fact in again.gone_again(1)] == [(LEAVER, Operation.DELETED)]
    again.ledger.verified(1)
    assert not again.ledger.ordered and not again.gone_again(1)


def test_who_came_back_is_not_told_gone() -> None:
    again, step = task(ordered()), Step()
    again._apply_page(page({"id": LEAVER}, {"id": STAYS}), step)
    assert {fact.object_id for fact in step.facts} == {LEAVER, STAYS} and all(fact.full for fact in step.facts)
    assert not again.gone_again(1)


def test_a_collection_of_which_nothing_was_ever_told_begins_no_other_reading() -> None:
    assert not task([]).emit_again(Step())
