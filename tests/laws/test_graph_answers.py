"""Whatever answers of Graph come late, partly, twice or not at all: after the last fault the facts tell the present."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.lab.entra.faults import Fault
from tests.support.graph_in_turns import COLLECTIONS, POLL_S, SWEEP_S, GraphInTurns, alive
from tests.support.graph_lab import Mirror, expected, without_empty

_FAULTS = {
    "partial": lambda number: Fault("partial", "users" if number % 2 else "groups", fraction=0.5),
    "lost": lambda number: Fault(
        ("gone", "sync_state_not_found", "page_token_expired")[number % 3], "users" if number % 2 else "groups"
    ),
    "error": lambda number: Fault("server_error", times=1 + number % 4),
    "refused": lambda number: Fault("forbidden", "users" if number % 2 else "groups"),
    "empty": lambda number: Fault("empty_page", "delta"),
}
_CHANGES = ("user", "group", "name", "mail", "error", "healed", "delete", "restore", "join", "leave", "manager")
_STEPS = ("ask", "ask", "ask", "hear", "hear", "hear", "change", "change", "fault", "later", "kill")


def _id(graph: GraphInTurns, number: int) -> str:
    """A new id; the same schedule makes the same ones."""
    born = sum(len(each.entries) + len(each.tombstones) for each in graph.tenant.collections.values())
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{born} {number}"))


def _change(graph: GraphInTurns, kind: str, number: int) -> None:
    tenant = graph.tenant
    users, groups = sorted(tenant.ids("user")), sorted(tenant.ids("group"))
    if kind == "user":
        upn = f"u{number}@contoso.com"
        tenant.upsert("user", _id(graph, number), {"userPrincipalName": upn, "onPremisesSyncEnabled": True})
    elif kind == "group":
        tenant.upsert("group", _id(graph, number), {"displayName": f"g{number}"})
    elif kind == "restore":
        deleted = [(each, one) for each in ("user", "group") for one in sorted(tenant.collections[each].deleted_ms)]  # type: ignore[index]
        if deleted:
            tenant.restore(*deleted[number % len(deleted)])  # type: ignore[arg-type]
    elif kind in ("join", "leave") and users and groups:
        act = tenant.add_member if kind == "join" else tenant.remove_member
        act(groups[number % len(groups)], users[number // 7 % len(users)])
    elif users:
        user = users[number % len(users)]
        if kind == "name":
            tenant.upsert("user", user, {"displayName": f"n{number}"})
        elif kind == "mail":
            tenant.upsert("user", user, {"mail": f"m{number}@contoso.com" if number % 3 else None})
        elif kind == "error":
            error = {"propertyCausingError": "ProxyAddresses", "value": f"smtp:e{number % 3}@contoso.com"}
            tenant.set_provisioning_errors("user", user, [error])
        elif kind == "healed":
            tenant.set_provisioning_errors("user", user, [])
        elif kind == "delete":
            if number % 4 or not groups:
                tenant.delete("user", user)
            else:
                tenant.delete("group", groups[number % len(groups)])
        elif kind == "manager":
            tenant.set_manager(user, users[number // 7 % len(users)] if number % 3 else None)


def _play(graph: GraphInTurns, steps: list[tuple[str, int]]) -> None:
    for step, number in steps:
        if step == "ask":
            graph.ask(number)
        elif step == "hear":
            graph.hear(number)
        elif step == "change":
            _change(graph, _CHANGES[number % len(_CHANGES)], number // len(_CHANGES))
        elif step == "fault":
            kind = list(_FAULTS)[number % len(_FAULTS)]
            if kind != "partial" or not graph.in_round:  # a round leaves out the same objects from its first page on
                graph.service.faults.add(_FAULTS[kind](number // len(_FAULTS)))
        elif step == "later":
            graph.later((POLL_S, 7 * POLL_S, SWEEP_S)[number % 3])
        else:
            graph.kill()


@given(
    minimal=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 5000)), max_size=100),
)
@settings(max_examples=50, deadline=None)
def test_after_the_last_fault_the_facts_tell_the_present(minimal: bool, steps: list[tuple[str, int]]) -> None:
    graph = GraphInTurns(minimal=minimal)
    for number in range(5):
        _change(graph, "user", number)
    _change(graph, "group", 0)
    _play(graph, steps)
    graph.service.faults.clear()
    graph.come_to_rest(SWEEP_S / 2)
    mirror = Mirror()
    mirror.apply(graph.facts)
    assert [fact.seq for fact in graph.facts] == sorted(fact.seq for fact in graph.facts)
    wanted: dict[str, Any] = expected(graph.tenant, COLLECTIONS)
    assert without_empty(mirror.objects) == without_empty(wanted)
    assert alive(mirror.members, list(wanted)) == alive(graph.linked(), list(wanted))


def test_what_a_round_left_out_and_delta_named_in_part_is_read_whole() -> None:
    graph = GraphInTurns(minimal=True, objects_a_page=100)
    user = graph.tenant.upsert("user", None, {"userPrincipalName": "ada@contoso.com", "displayName": "Ada"})
    graph.come_to_rest(POLL_S)
    graph.service.faults.add(Fault("sync_state_not_found", "users"))
    graph.service.faults.add(Fault("partial", "users", ids=frozenset({user})))
    graph.later(POLL_S)
    graph.tenant.upsert("user", user, {"displayName": "Ada Berger"})
    graph.answer("users")  # the token is lost
    graph.answer("users")  # everything, but for the user
    graph.tenant.upsert("user", user, {"mail": "ada@contoso.com"})
    graph.later(POLL_S)
    graph.answer("users")
    assert graph.facts[-1].attributes.keys() == {"mail"}, "the round left nobody out, or the item is whole"
    graph.come_to_rest(POLL_S)
    mirror = Mirror()
    mirror.apply(graph.facts)
    assert mirror.objects[user]["displayName"] == "Ada Berger"


def test_a_list_of_errors_that_was_asked_for_earlier_takes_nothing_back() -> None:
    graph = GraphInTurns(minimal=False)
    user = graph.tenant.upsert("user", None, {"userPrincipalName": "ada@contoso.com", "onPremisesSyncEnabled": True})
    error = {"propertyCausingError": "ProxyAddresses", "value": "smtp:ada@contoso.com"}
    graph.tenant.set_provisioning_errors("user", user, [error])
    graph.come_to_rest(POLL_S)
    graph.later(SWEEP_S)
    graph.ask_of("users errors")
    graph.tenant.set_provisioning_errors("user", user, [])
    graph.answer("users")
    assert graph.facts[-1].attributes["onPremisesProvisioningErrors"] == []
    graph.come_to_rest(SWEEP_S / 2)
    assert graph.facts[-1].attributes["onPremisesProvisioningErrors"] == []
