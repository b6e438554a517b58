"""Marks for group writeback: told by the beta alone, once, kept through full rounds, and never in the way."""

from __future__ import annotations

from deploy.lab.entra.faults import Fault
from producers.graph.source import GraphSource
from streams.contracts.facts import WRITEBACK_ENABLED, Fact
from tests.support.graph_lab import GraphLab, Mirror, Saved, drain, facts_of

LATER_S = 1001


def mark(lab: GraphLab, group: str, enabled: bool | None) -> None:
    configuration = {"isEnabled": enabled, "onPremisesGroupType": "universalSecurityGroup"}
    lab.tenant.upsert("group", group, {"writebackConfiguration": configuration})


def marks(facts: list[Fact]) -> list[tuple[str, bool | None]]:
    return [
        (fact.object_id, fact.attributes[WRITEBACK_ENABLED]) for fact in facts if WRITEBACK_ENABLED in fact.attributes
    ]


def later(lab: GraphLab, source: GraphSource) -> list[Fact]:
    lab.later(LATER_S)
    return facts_of(drain(source))


def test_a_mark_is_told_once_changed_and_taken_back(lab: GraphLab) -> None:
    one, two = lab.tenant.ids("group")[:2]
    mark(lab, one, True)
    with lab.source() as source:
        assert marks(facts_of(drain(source))) == [(one, True)]
        assert marks(later(lab, source)) == []
        mark(lab, one, False)
        mark(lab, two, True)
        assert sorted(marks(later(lab, source))) == sorted([(one, False), (two, True)])
        mark(lab, one, None)
        assert marks(later(lab, source)) == [(one, None)]
        assert marks(later(lab, source)) == []


def test_a_mark_taken_away_while_we_were_down_is_noticed(lab: GraphLab) -> None:
    one, two = lab.tenant.ids("group")[:2]
    mark(lab, one, True)
    mark(lab, two, True)
    saved = Saved()
    with lab.source() as source:
        for batch in drain(source):
            saved.save(batch.checkpoints)
    mark(lab, one, None)
    with lab.source(saved.parts()) as source:
        assert marks(facts_of(drain(source))) == [(one, None)]


def test_a_full_round_does_not_wipe_the_mark(lab: GraphLab) -> None:
    one = lab.tenant.ids("group")[0]
    mark(lab, one, True)
    mirror = Mirror()
    with lab.source() as source:
        mirror.apply(facts_of(drain(source)))
        lab.faults.add(Fault("gone", path="/groups/delta"))
        for fact in later(lab, source):
            mirror.apply([fact])
            assert mirror.objects[one][WRITEBACK_ENABLED] is True


def test_where_the_beta_refuses_the_rest_goes_on(lab: GraphLab) -> None:
    one = lab.tenant.ids("group")[0]
    mark(lab, one, True)
    lab.faults.add(Fault("forbidden", path="^/groups$", times=None))
    with lab.source() as source:
        facts = facts_of(drain(source))
        assert marks(facts) == [] and one in {fact.object_id for fact in facts}
        lab.faults.clear()
        assert marks(later(lab, source)) == [(one, True)]
