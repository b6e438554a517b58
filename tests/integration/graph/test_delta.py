"""Every row of the delta table, against the lab's Graph over HTTPS."""

from __future__ import annotations

import pytest

from deploy.lab.entra.faults import Fault
from producers.graph.collections import COLLECTIONS, DEVICES
from streams.contracts.facts import ObjectKind, Operation
from tests.support.graph_lab import GraphLab, Mirror, Saved, drain, expected, facts_of, without_empty


class Reader:
    """A source, what it saved and what a consumer would hold."""

    def __init__(self, lab: GraphLab) -> None:
        self.lab = lab
        self.mirror = Mirror()
        self.saved = Saved()

    def take(self, source) -> list:
        batches = drain(source)
        for batch in batches:
            self.mirror.apply(batch.facts)
            self.saved.save(batch.checkpoints)
        return facts_of(batches)

    def poll(self, source) -> list:
        self.lab.later(11)
        return self.take(source)

    def agrees(self, collections=COLLECTIONS) -> None:
        assert without_empty(self.mirror.objects) == expected(self.lab.tenant, collections)
        for group in self.lab.tenant.ids("group"):
            assert self.mirror.members.get(group, set()) == set(self.lab.tenant.members.of(group))


@pytest.fixture
def reader(lab: GraphLab) -> Reader:
    return Reader(lab)


def user(lab: GraphLab, number: int = 0) -> str:
    return lab.tenant.ids("user")[number]


def test_a_snapshot_tells_everything_once_and_then_rests(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        facts = reader.take(source)
        reader.agrees()
        firsts = [fact for fact in facts if fact.full]
        assert {fact.op for fact in firsts} == {Operation.READ}
        assert len({fact.object_id for fact in firsts}) == len(firsts) == len(reader.mirror.objects)
        assert reader.poll(source) == []


def test_sequence_numbers_rise_and_go_on_above_after_a_restart(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        before = [fact.seq for fact in reader.take(source)]
    lab.tenant.upsert("user", user(lab), {"displayName": "New"})
    with lab.source(reader.saved.parts()) as source:
        after = [fact.seq for fact in reader.take(source)]
    assert before == sorted(set(before)) and after and min(after) > max(before)


def test_changes_come_as_partial_facts(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        lab.tenant.upsert("user", user(lab), {"mail": None, "accountEnabled": False})
        (fact,) = reader.poll(source)
        assert fact.op is Operation.UPDATED and not fact.full
        assert fact.attributes["mail"] is None and fact.attributes["accountEnabled"] is False
        reader.agrees()


def test_new_soft_deleted_restored_and_purged_objects(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        new = lab.tenant.upsert("user", None, {"displayName": "New", "userPrincipalName": "new@contoso.com"})
        assert [(f.op, f.object_id) for f in reader.poll(source)] == [(Operation.CREATED, new)]
        lab.tenant.delete("user", new)
        (fact,) = reader.poll(source)
        assert fact.op is Operation.DELETED and fact.attributes == {"@removed": "changed"}
        lab.tenant.restore("user", new)
        assert reader.poll(source)
        reader.agrees()
        lab.tenant.delete("user", new)
        reader.poll(source)
        lab.tenant.hard_delete("user", new)
        (fact,) = reader.poll(source)
        assert fact.op is Operation.DELETED and fact.attributes == {"@removed": "deleted"}
        reader.agrees()


def test_a_restore_is_seen_where_only_a_wide_selection_tells_it(lab: GraphLab, reader: Reader) -> None:
    lab.faults.narrow_select_hides_restore = True
    with lab.source() as source:
        reader.take(source)
        lab.tenant.delete("user", user(lab))
        reader.poll(source)
        (deleted,) = lab.tenant.collections["user"].deleted_ms
        lab.tenant.restore("user", deleted)
        reader.poll(source)
        reader.agrees()


def test_members_arrive_over_several_pages_and_leave_singly(lab: GraphLab, reader: Reader) -> None:
    group = lab.tenant.ids("group")[0]
    lab.tenant.set_members(group, lab.tenant.ids("user")[:100])
    with lab.source() as source:
        told = [fact for fact in reader.take(source) if fact.object_id == group]
        assert len(told) > 1 and [fact.full for fact in told] == [True] + [False] * (len(told) - 1)
        reader.agrees()
        lab.tenant.remove_member(group, lab.tenant.ids("user")[3])
        lab.tenant.add_member(group, lab.tenant.ids("user")[101])
        reader.poll(source)
        reader.agrees()


def test_a_restart_in_the_middle_of_a_snapshot_goes_on_from_the_page(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        while "users" not in {part.part for part in reader.saved.parts()}:
            batch = source.read()
            reader.mirror.apply(batch.facts)
            reader.saved.save(batch.checkpoints)
    with lab.source(reader.saved.parts()) as source:
        facts = reader.take(source)
        reader.agrees()
        assert 0 < len({fact.object_id for fact in facts}) < len(reader.mirror.objects)
        assert reader.poll(source) == []


@pytest.mark.parametrize("kind", ["gone", "sync_state_not_found"])
def test_a_refused_position_leads_to_a_full_pass_that_finds_deletions(lab: GraphLab, reader: Reader, kind: str) -> None:
    with lab.source() as source:
        reader.take(source)
    dead, changed = lab.tenant.ids("user")[1], lab.tenant.ids("user")[2]
    lab.tenant.delete("user", dead)
    lab.tenant.hard_delete("user", dead)
    del lab.tenant.collections["user"].tombstones[dead]
    lab.tenant.upsert("user", changed, {"mail": None})
    lab.faults.add(Fault(kind, path="/users/delta"))  # type: ignore[arg-type]
    with lab.source(reader.saved.parts()) as source:
        facts = reader.take(source)
        assert [fact.object_id for fact in facts if fact.op is Operation.DELETED] == [dead]
        reader.agrees()
        assert reader.poll(source) == []


def test_a_refused_position_in_a_running_source_also_heals(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        lab.faults.add(Fault("gone", path="/groups/delta"))
        lab.tenant.set_members(lab.tenant.ids("group")[0], [])
        reader.poll(source)
        reader.agrees()


def test_an_expired_page_of_a_first_pass_starts_it_again_and_loses_no_deletion(lab: GraphLab, reader: Reader) -> None:
    lab.faults.add(Fault("page_token_expired", path="/users/delta"))
    with lab.source() as source:
        reader.take(source)
        reader.agrees()


def test_an_expired_page_of_a_delta_round_returns_to_its_delta_link(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        for number in range(100):
            lab.tenant.upsert("user", user(lab, number), {"displayName": f"Renamed {number}"})
        lab.faults.add(Fault("page_token_expired", path="/users/delta"))
        facts = reader.poll(source)
        reader.agrees()
        assert not any(fact.full for fact in facts)


def test_an_object_missing_from_a_full_pass_is_confirmed_before_it_counts_as_deleted(
    lab: GraphLab, reader: Reader
) -> None:
    with lab.source() as source:
        reader.take(source)
        hidden = frozenset(lab.tenant.ids("user")[:30])
        lab.tenant.upsert("user", user(lab), {"displayName": "Changed while hidden"})
        lab.faults.add(Fault("partial", path="/users/delta", ids=hidden))
        lab.faults.add(Fault("gone", path="/users/delta"))
        facts = reader.poll(source)
        assert not [fact for fact in facts if fact.op is Operation.DELETED]
        reader.agrees()


def test_without_the_right_to_ask_for_many_ids_each_is_read(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        lab.faults.add(Fault("forbidden", path="/getByIds", times=None))
        lab.faults.add(Fault("partial", path="/users/delta", ids=frozenset(lab.tenant.ids("user")[:30])))
        lab.faults.add(Fault("gone", path="/users/delta"))
        lab.tenant.delete("user", user(lab, 5))
        reader.poll(source)
        reader.agrees()


def test_a_partial_first_pass_is_completed(lab: GraphLab, reader: Reader) -> None:
    """Nothing was known before, so only the list of all ids can tell."""
    hidden = {*lab.tenant.ids("user")[:30], *lab.tenant.ids("group")[:5]}
    lab.faults.add(Fault("partial", path="/users/delta", ids=frozenset(hidden)))
    lab.faults.add(Fault("partial", path="/groups/delta", ids=frozenset(hidden)))
    with lab.source() as source:
        reader.take(source)
        reader.agrees()


def test_a_kill_while_verifying_repeats_the_verification(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        lab.tenant.delete("user", user(lab, 100))
        lab.faults.add(Fault("partial", path="/users/delta", ids=frozenset(lab.tenant.ids("user")[:90])))
        lab.faults.add(Fault("gone", path="/users/delta"))
        lab.later(11)
        for _ in range(200):
            batch = source.read()
            reader.mirror.apply(batch.facts)
            reader.saved.save(batch.checkpoints)
            if any(part.part == "users" and part.position["unverified"] for part in reader.saved.parts()):
                break
    with lab.source(reader.saved.parts()) as source:
        reader.take(source)
        reader.agrees()
        assert not [part for part in reader.saved.parts() if part.position.get("unverified")]


def test_once_a_day_everything_is_compared_again(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        reader.mirror.objects.clear()
        source._deltas[0].ledger._round.clear()  # as if delta had never told of any user
        lab.later(100)
        assert reader.take(source) == []
        source._deltas[0].ledger.verified_ms -= 25 * 3600 * 1000
        reader.take(source)
        assert set(reader.mirror.objects) == set(lab.tenant.ids("user"))


def test_a_position_of_another_version_leads_to_a_full_pass(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
    dead = lab.tenant.ids("user")[7]
    lab.tenant.delete("user", dead)
    lab.tenant.hard_delete("user", dead)
    del lab.tenant.collections["user"].tombstones[dead]
    for part in reader.saved.parts():
        if part.part == "users":
            part.position.pop("marks")
    with lab.source(reader.saved.parts()) as source:
        reader.take(source)
        reader.agrees()


def test_an_unusable_value_becomes_a_dead_letter_and_the_rest_is_told(lab: GraphLab, reader: Reader) -> None:
    one, other = lab.tenant.ids("user")[:2]
    lab.faults.add(Fault("partial", path="/users/delta", ids=frozenset({one})))  # this one is read by itself
    for name in (one, other):
        lab.tenant.upsert("user", name, {"proxyAddresses": "not a list"})
    with lab.source() as source:
        batches = drain(source)
    letters = [letter for batch in batches for letter in batch.rejected]
    assert {(letter.key, letter.reason) for letter in letters} == {(one, "wrong_type"), (other, "wrong_type")}
    told = {fact.object_id: fact for fact in facts_of(batches)}
    assert told.keys() == set(expected(lab.tenant))
    assert not any(told[name].full or "proxyAddresses" in told[name].attributes for name in (one, other))


def test_an_empty_page_with_a_next_link_is_not_the_end(lab: GraphLab, reader: Reader) -> None:
    lab.faults.add(Fault("empty_page", path="/users/delta", times=3))
    with lab.source() as source:
        reader.take(source)
        reader.agrees()


def test_changes_that_replicate_late_arrive_later(lab: GraphLab, reader: Reader) -> None:
    with lab.source() as source:
        reader.take(source)
        lab.faults.replication_delay_s = 3600
        lab.tenant.upsert("user", user(lab), {"displayName": "Late"})
        assert reader.poll(source) == []
        lab.faults.replication_delay_s = 0
        assert [fact.attributes["displayName"] for fact in reader.poll(source)] == ["Late"]


def test_a_property_that_delta_refuses_is_dropped_and_the_rest_is_read(
    lab: GraphLab, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from producers.graph.collections import USERS

    wider = dataclasses.replace(USERS, properties=(*USERS.properties, "signInActivity", "aboutMe"))
    with lab.source(collections=(wider,)) as source:
        drained = reader.take(source)
    assert len(drained) == len(lab.tenant.ids("user"))


def test_devices_are_collected_apart(lab: GraphLab, reader: Reader) -> None:
    assert DEVICES in COLLECTIONS
    with lab.source() as source:
        told = [(state.collected, state.devices_collected) for batch in drain(source) for state in batch.tenants]
    assert told[0] == (False, False)
    assert told[-1] == (True, True)


def test_without_the_right_to_read_devices_all_else_is_collected(lab: GraphLab) -> None:
    lab.app.roles = frozenset(lab.app.roles - {"Device.Read.All", "Directory.Read.All"})
    with lab.source() as source:
        batches = drain(source)
        told = [(state.collected, state.devices_collected) for batch in batches for state in batch.tenants]
    assert told[-1] == (True, False)
    kinds = {fact.kind for batch in batches for fact in batch.facts}
    assert ObjectKind.USER in kinds
    assert ObjectKind.DEVICE not in kinds


def test_the_first_full_reading_of_all_collections_is_announced(lab: GraphLab) -> None:
    with lab.source() as source:
        batches = drain(source)
        told = [
            (number, state.collected and state.devices_collected)
            for number, batch in enumerate(batches)
            for state in batch.tenants
        ]
        assert [collected for _, collected in told if collected] == [True]
        assert told[0][1] is False
        last_fact = max(number for number, batch in enumerate(batches) if batch.facts)
        assert told[-1][0] > last_fact
        marks = [(number, mark.part) for number, batch in enumerate(batches) for mark in batch.watermarks]
        assert {part for _, part in marks} == {"", "devices"}
        assert min(number for number, _ in marks) > last_fact
