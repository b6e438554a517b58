"""Managers as delta tells them, and properties that only the settings ask for, against the lab's Graph."""

from __future__ import annotations

from deploy.lab.entra.faults import Fault
from streams.contracts.facts import Fact, LinkChange
from streams.contracts.flows import NOT_SELECTED, READ_BY, VERSION
from tests.support.graph_lab import GraphLab, Saved, drain, facts_of

FLOW = [{"property": "employeeType", "attribute": "employeeType"}]


def managers(facts: list[Fact]) -> list[tuple[str, LinkChange]]:
    return [(fact.object_id, fact.links["manager"]) for fact in facts if "manager" in fact.links]


def test_a_manager_comes_with_the_user_and_another_one_replaces_it(lab: GraphLab) -> None:
    ann, boss, chief = lab.tenant.ids("user")[:3]
    lab.tenant.set_manager(ann, boss)
    with lab.source() as source:
        told = dict(managers(facts_of(drain(source))))
        assert [link.id for link in told.pop(ann).added] == [boss]
        assert all(change.complete and not change.added for change in told.values()) and told
        lab.tenant.set_manager(ann, chief)
        lab.later(11)
        ((user, change),) = managers(facts_of(drain(source)))
        assert (user, change.complete, [link.id for link in change.added]) == (ann, True, [chief])
        lab.tenant.upsert("user", ann, {"department": "Legal"})
        lab.later(11)
        assert managers(facts_of(drain(source))) == [], "what says nothing of the manager leaves it as it is"
        lab.tenant.set_manager(ann, None)
        lab.later(11)
        ((user, change),) = managers(facts_of(drain(source)))
        assert (user, change.added, [link.id for link in change.removed]) == (ann, [], [chief])


def test_since_when_managers_are_told_is_told_and_kept(lab: GraphLab) -> None:
    ann, boss = lab.tenant.ids("user")[:2]
    saved = Saved()
    with lab.source() as source:
        batches = drain(source)
        assert {state.managers_since_ms for batch in batches for state in batch.tenants} == {0}
        lab.tenant.set_manager(ann, boss)
        lab.later(101)
        batches += drain(source)
        lab.later(101)
        batches += drain(source)
        since_ms = max(state.managers_since_ms for batch in batches for state in batch.tenants)
        for batch in batches:
            saved.save(batch.checkpoints)
    assert since_ms > 0
    with lab.source(saved.parts()) as source:
        lab.later(101)
        told = [state.managers_since_ms for batch in drain(source) for state in batch.tenants]
    assert told and set(told) == {since_ms}


def test_a_user_that_delta_did_not_tell_is_read_with_the_manager(lab: GraphLab) -> None:
    ann, boss, lone = lab.tenant.ids("user")[:3]
    lab.tenant.set_manager(ann, boss)
    lab.faults.add(Fault("partial", path="/users/delta", ids=frozenset({ann, lone})))
    with lab.source() as source:
        told = dict(managers(facts_of(drain(source))))
    assert [link.id for link in told[ann].added] == [boss] and told[lone].added == []


def test_what_the_settings_name_is_selected_and_said_to_be_read(lab: GraphLab) -> None:
    ann = lab.tenant.ids("user")[0]
    lab.tenant.upsert("user", ann, {"employeeType": "  Contractor "})
    saved = Saved()
    with lab.source() as source:
        batches = drain(source)
        for batch in batches:
            saved.save(batch.checkpoints)
    assert not any("employeeType" in fact.attributes for fact in facts_of(batches))
    with lab.source(saved.parts(), flow=FLOW) as source:  # asked for something new: everything once more
        facts = {fact.object_id: fact for fact in facts_of(drain(source)) if fact.full}
    assert facts[ann].attributes["employeeType"] == "Contractor"
    assert {fact.attributes[READ_BY] for user, fact in facts.items() if user in lab.tenant.ids("user")} == {
        f"{VERSION} employeeType"
    }


def test_a_property_that_graph_does_not_know_costs_itself(lab: GraphLab) -> None:
    flow, saved = [{"property": "nonsense", "attribute": "division"}], Saved()
    with lab.source(flow=flow) as source:
        batches = drain(source)
        for batch in batches:
            saved.save(batch.checkpoints)
    facts = [fact for fact in facts_of(batches) if fact.object_id in lab.tenant.ids("user")]
    assert facts and all(fact.attributes[NOT_SELECTED] == ["nonsense"] for fact in facts if fact.full)
    lab.tenant.delete("user", lab.tenant.ids("user")[0])
    with lab.source(saved.parts(), flow=flow) as source:  # nor does it later, where objects are read by themselves
        lab.later(90_000)
        emitted = facts_of(drain(source))
        lab.later(90_000)  # the list may have come before delta told of the deletion: then it is left for the next one
        emitted += facts_of(drain(source))
    assert any("deletedDateTime" in fact.attributes for fact in emitted)
