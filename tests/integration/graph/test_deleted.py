"""Deleted items: what was deleted before the first reading is known, and nothing that lives is ever told dead."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from deploy.lab.entra.faults import Fault
from producers.graph.collections import COLLECTIONS
from producers.source import Batch
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.directory.fold import fold
from streams.directory.state import ObjectState, new_state
from tests.support.graph_lab import TENANT, GraphLab, Saved, drain, facts_of
from tests.support.lab_oracle import objects_of_tenant

ORIGIN = Origin(name=f"entra/{TENANT}", side="entra", tenant=TENANT)
LATER_S = 3700


def _deleted(batches: Iterable[Batch]) -> dict[str, Fact]:
    return {fact.object_id: fact for fact in facts_of(list(batches)) if fact.op is Operation.DELETED}


def _states(batches: Iterable[Batch], states: dict[str, ObjectState] | None = None) -> dict[str, ObjectState]:
    states = {} if states is None else states
    for fact in facts_of(list(batches)):
        states[fact.object_id] = fold(states.get(fact.object_id) or new_state(ORIGIN, fact.object_id), fact)
    return states


def test_what_was_deleted_before_the_first_reading_is_told_with_its_time(lab: GraphLab) -> None:
    user, group = lab.tenant.ids("user")[0], lab.tenant.ids("group")[0]
    upn = lab.tenant.get("user", user)["userPrincipalName"]  # type: ignore[index]
    lab.tenant.delete("user", user)
    lab.tenant.delete("group", group)
    with lab.source() as source:
        told = _deleted(drain(source))
    assert told.keys() == {user, group}
    said = told[user].attributes
    assert (said["@removed"], said["userPrincipalName"]) == ("changed", upn)
    deleted_ms = lab.tenant.collections["user"].deleted_ms[user] // 1000 * 1000
    assert said["deletedDateTime"] and told[user].changed_ms == deleted_ms
    assert told[group].kind is ObjectKind.GROUP and said["onPremisesImmutableId"]


def test_facts_end_in_what_the_oracle_knows_of_the_lab(lab: GraphLab) -> None:
    lab.tenant.keeps_deleted_devices = True
    for kind in ("user", "group", "device"):
        lab.tenant.delete(kind, lab.tenant.ids(kind)[1])  # type: ignore[arg-type]
    with lab.source() as source:
        states = _states(drain(source))
        lab.tenant.delete("user", lab.tenant.ids("user")[4])
        lab.later(11)
        _states(drain(source), states)
        lab.later(LATER_S)
        _states(drain(source), states)
    wanted = {item.state.object_id: item.state for item in objects_of_tenant(lab.tenant, 1)}
    assert sum(not state.alive for state in wanted.values()) == 4
    for name, state in wanted.items():
        assert states[name].alive is state.alive
        if not state.alive:
            held = {key: value for key, value in state.attributes.items() if value != []}
            assert {key: states[name].attributes.get(key) for key in held} == held


@pytest.mark.parametrize("kept", [True, False])
def test_both_readings_of_a_deleted_hybrid_device(lab: GraphLab, kept: bool) -> None:
    lab.tenant.keeps_deleted_devices = kept
    before, during = lab.tenant.ids("device")[:2]
    lab.tenant.delete("device", before)
    with lab.source() as source:
        states = _states(drain(source))
        lab.tenant.delete("device", during)
        lab.later(11)
        _states(drain(source), states)
        lab.later(LATER_S)
        _states(drain(source), states)
        assert ("deviceId" in states[before].attributes) is kept, "delta alone tells an id"
        assert not states[during].alive
        assert states[during].attributes["@removed"] == ("changed" if kept else "deleted")
        assert ("deletedDateTime" in states[during].attributes) is kept
        if kept:
            lab.tenant.restore("device", before)
            lab.later(11)
            _states(drain(source), states)
            assert states[before].alive and "deletedDateTime" not in states[before].attributes


def test_a_list_that_is_older_than_delta_never_kills_what_was_restored(lab: GraphLab) -> None:
    user = lab.tenant.ids("user")[0]
    lab.tenant.delete("user", user)
    with lab.source(deleted_interval_s=5) as source:
        states = _states(drain(source))
        (task,) = [turn.task for turn in source._turns if turn.task.name == "deleted_users"]
        old = task.fetch()  # on its way while delta tells of the restoration
        lab.tenant.restore("user", user)
        lab.later(11)
        _states(drain(source), states)
        assert states[user].alive
        assert task.apply(old).facts == []
        lab.tenant.delete("user", user)
        lab.later(11)
        _states(drain(source), states)
        lab.later(11)
        _states(drain(source), states)
    assert not states[user].alive and states[user].attributes["@removed"] == "changed"


def test_each_is_told_once_and_a_restart_changes_nothing(lab: GraphLab) -> None:
    user = lab.tenant.ids("user")[0]
    lab.tenant.delete("user", user)
    saved = Saved()
    with lab.source() as source:
        for batch in drain(source):
            saved.save(batch.checkpoints)
        lab.later(LATER_S)
        assert _deleted(drain(source)) == {}
    with lab.source(saved.parts()) as source:
        assert _deleted(drain(source)) == {}
        lab.tenant.hard_delete("user", user)
        lab.later(LATER_S)
        batches = drain(source)
    assert _deleted(batches)[user].attributes["@removed"] == "deleted"
    for batch in batches:
        saved.save(batch.checkpoints)
    assert not any(part.part.startswith("deleted_users/") for part in saved.parts())


def test_many_pages_are_read_whole_and_a_list_cut_short_proves_nothing(lab: GraphLab) -> None:
    names = lab.tenant.ids("user")[:60]
    for name in names:
        lab.tenant.delete("user", name)
    with lab.source() as source:
        (task,) = [turn.task for turn in source._turns if turn.task.name == "deleted_users"]
        task._client = _SmallPages(task._client)  # type: ignore[attr-defined]
        assert set(names) <= _deleted(drain(source)).keys()
        lab.tenant.hard_delete("user", names[0])
        first = task.fetch()
        assert first is not None and "@odata.nextLink" in first
        assert task.apply(first).facts == [] and not task.resting
        lab.faults.add(Fault("forbidden", path="/directory/deletedItems", times=1))
        assert task.apply(task.fetch()).facts == [], "the rest was refused: nothing follows for what was not listed"
        assert task.resting


class _SmallPages:
    """The same client, asking for few objects at once."""

    def __init__(self, client: object) -> None:
        self._client = client

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    def url(self, path: str) -> str:
        return str(self._client.url(path.replace("$top=999", "$top=7")))  # type: ignore[attr-defined]


def test_without_the_right_everything_else_is_read_and_the_refusal_is_told(lab: GraphLab) -> None:
    user, group = lab.tenant.ids("user")[0], lab.tenant.ids("group")[0]
    lab.tenant.delete("user", user)
    lab.tenant.delete("group", group)
    lab.app.roles = lab.app.roles - {"Directory.Read.All"}  # GroupMember.Read.All reads living groups only
    lab.app.delegated = True
    with lab.source() as source:
        batches = drain(source)
        told = _deleted(batches)
        assert told[user].attributes.keys() > told[group].attributes.keys() == {"@removed"}, "delta alone tells an id"
        lab.later(101)
        (state,) = [state for batch in drain(source) for state in batch.tenants]
    assert {"deleted_groups"} == {name for name in state.refused if name.startswith("deleted_")}
    assert len({fact.kind for fact in facts_of(batches)}) >= len(COLLECTIONS) - 1


def test_a_cloud_without_such_a_list_has_no_refusal(lab: GraphLab) -> None:
    lab.tenant.delete("device", lab.tenant.ids("device")[0])
    with lab.source() as source:
        drain(source)
        (task,) = [turn.task for turn in source._turns if turn.task.name == "deleted_devices"]
        assert task._beta, "v1.0 has no list of deleted devices"  # type: ignore[attr-defined]
        assert source._refused_tasks().keys() & {"deleted_devices"} == set()
