"""Throttling, refusals, cut answers and lost rights: a clear error, backing off, and nothing lost."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from deploy.lab.entra.faults import Fault
from producers.graph.client import GraphClient
from streams.contracts.errors import RetriableError
from tests.support.graph_lab import GraphLab, Mirror, drain, expected, facts_of, without_empty


def read_through(lab: GraphLab, rounds: int = 12, **changes: object) -> tuple[Mirror, list[dict]]:
    """Read with pauses until nothing more comes, as the runner does."""
    mirror = Mirror()
    with capture_logs() as logs, lab.source(**changes) as source:
        for _ in range(rounds):
            mirror.apply(facts_of(drain(source)))
            lab.later(90)
    return mirror, logs


@pytest.mark.parametrize(
    "fault",
    [
        Fault("throttle", path="/users/delta", times=3, retry_after_s=30),
        Fault("throttle", path="/users/delta", times=3),
        Fault("server_error", path="/groups/delta", times=3),
        Fault("server_error", path="/users/delta", times=2, status=500),
        Fault("cut", path="/users/delta", times=2),
        Fault("unauthorized", path="/contacts/delta", times=1),
        Fault("unauthorized", times=6),
        Fault("forbidden", path="/users/delta", times=2),
        Fault("server_error", path="/oauth2/v2.0/token", times=2),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.path}-{fault.times}",
)
def test_a_passing_fault_loses_nothing(lab: GraphLab, fault: Fault) -> None:
    lab.faults.add(fault)
    mirror, _ = read_through(lab)
    assert without_empty(mirror.objects) == expected(lab.tenant)


def test_a_collection_that_does_not_answer_is_known_while_the_others_do(lab: GraphLab) -> None:
    """Its silence is not seen in when the tenant was last heard."""
    with lab.source() as source:
        drain(source)
        lab.faults.add(Fault("server_error", path="/users/delta", times=2))
        lab.later(90)
        batches = drain(source)
        assert any(batch.contacted for batch in batches) and [*source.progress.unheard] == ["users"]
        for _ in range(4):
            lab.later(90)
            drain(source)
        assert not source.progress.unheard


def test_a_named_wait_is_respected(lab: GraphLab) -> None:
    lab.faults.add(Fault("throttle", path="/users/delta", times=1, retry_after_s=30))
    with capture_logs() as logs, lab.source() as source:
        drain(source)
        waits = [entry["wait_s"] for entry in logs if entry["event"] == "trying again"]
        assert len(waits) == 1 and 30 <= waits[0] <= 31
        lab.later(29)
        assert not any(fact.kind == "user" for fact in facts_of(drain(source)))
        lab.later(2.5)
        assert any(fact.kind == "user" for fact in facts_of(drain(source)))


def test_a_collection_we_may_not_read_holds_up_no_other_and_names_the_permission(lab: GraphLab) -> None:
    lab.app.roles = frozenset(lab.app.roles - {"OrgContact.Read.All", "Directory.Read.All"})
    mirror, logs = read_through(lab, rounds=2)
    contacts = set(lab.tenant.ids("contact"))
    assert contacts and set(mirror.objects) == set(expected(lab.tenant)) - contacts
    assert any("OrgContact.Read.All" in entry.get("error", "") for entry in logs)


def test_tokens_that_expire_while_reading_are_replaced_without_a_pause(lab: GraphLab) -> None:
    with capture_logs() as logs, lab.source() as source:
        drain(source)
        lab.faults.expire_tokens()
        lab.tenant.upsert("user", lab.tenant.ids("user")[0], {"displayName": "New"})
        lab.later(11)
        assert [fact.attributes["displayName"] for fact in facts_of(drain(source))] == ["New"]
    assert not [entry for entry in logs if entry["event"] == "trying again"]


def test_a_storm_of_throttling_slows_down_and_loses_nothing(lab: GraphLab) -> None:
    lab.faults.add(Fault("throttle", times=25, retry_after_s=1))
    mirror, _ = read_through(lab, rounds=30)
    assert without_empty(mirror.objects) == expected(lab.tenant)


def test_a_link_to_another_host_is_not_followed(lab: GraphLab) -> None:
    client = GraphClient(lab.settings())
    for foreign in ("https://graph.example.org/v1.0/users/delta?$skiptoken=x", f"{lab.server.url}0/v1.0/users"):
        with pytest.raises(RetriableError, match="not followed"):
            client.get(foreign)


def test_an_unreachable_graph_is_a_retriable_error(lab: GraphLab) -> None:
    client = GraphClient(lab.settings(graph_url="https://127.0.0.1:9", scope="https://graph.microsoft.com/.default"))
    with pytest.raises(RetriableError, match=r"https://127\.0\.0\.1:9"):
        client.get(client.url("/users"))


def test_an_untrusted_certificate_is_refused(lab: GraphLab, tmp_path) -> None:
    from tests.support.graph_lab import certificates_in

    other = certificates_in(tmp_path)
    client = GraphClient(lab.settings(ca_file=other.ca_file))
    with pytest.raises(RetriableError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(client.url("/users"))
