"""Attributes that only the settings ask for (`[[tenant.flow]]`), on Samba and on the lab's directory."""

from __future__ import annotations

from producers.ad.source import ActiveDirectorySource
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.facts import Fact
from streams.contracts.flows import READ_BY, VERSION
from tests.integration.ad.conftest import forest_of
from tests.support.samba import SambaDC


def read(dc: SambaDC, saved: dict[str, Checkpoint], *added: str) -> list[Fact]:
    source = ActiveDirectorySource(forest_of(dc), added)
    source.restore(list(saved.values()))
    facts: list[Fact] = []
    try:
        while (batch := source.read()).more or batch.facts:
            facts += batch.facts
            saved.update({each.part: each for each in batch.checkpoints})
            if not batch.more:
                break
    finally:
        source.close()
    return facts


def test_another_selection_is_one_full_reading_and_then_changes(directory: SambaDC) -> None:
    dn = directory.add_user("added.ann", division="  Sales  North ")
    saved: dict[str, Checkpoint] = {}
    before = [fact for fact in read(directory, saved) if fact.attributes.get("sAMAccountName") == "added.ann"]
    assert before and "division" not in before[0].attributes and before[0].attributes[READ_BY] == VERSION
    wider = read(directory, saved, "Division")
    [fact] = [fact for fact in wider if fact.attributes.get("sAMAccountName") == "added.ann"]
    assert fact.full and fact.attributes["Division"] == "Sales North"
    assert fact.attributes[READ_BY] == f"{VERSION} Division"
    directory.modify(dn, {"division": None})
    changed = [fact for fact in read(directory, saved, "Division") if "Division" in fact.attributes]
    assert [(fact.full, fact.attributes["Division"]) for fact in changed] == [(False, None)]
