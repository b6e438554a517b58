"""Attributes that only the settings ask for (`[[tenant.flow]]`), on Samba and on the lab's directory."""

from __future__ import annotations

from deploy.cli.check.forest import check_forest
from deploy.cli.check.line import Mark
from producers.ad.source import ActiveDirectorySource
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.facts import Fact
from streams.contracts.flows import READ_BY, VERSION
from tests.integration.ad.conftest import LabDC, forest_of
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


def test_check_says_what_is_read_beside_the_usual(directory: SambaDC) -> None:
    lines = check_forest(forest_of(directory), ["division", "nonsense", "otherPager"])
    found = {name: line.mark for line in lines for name in ("division", "nonsense", "otherPager") if name in line.what}
    known = {"division": Mark.GOOD, "nonsense": Mark.FAULT, "otherPager": Mark.GAP}
    assert found == ({} if isinstance(directory, LabDC) else known), "the lab's directory shows no schema"
