"""Errors that delta does not surface are found by the sweep, told once, and taken back."""

from __future__ import annotations

import pytest

from producers.graph.source import GraphSource
from tests.support.graph_lab import GraphLab, Saved, drain, facts_of

CONFLICT = [{"propertyCausingError": "ProxyAddresses", "value": "smtp:taken@contoso.com"}]
HIDDEN = frozenset({"onPremisesProvisioningErrors", "serviceProvisioningErrors"})


def sweep(lab: GraphLab, source: GraphSource) -> list:
    lab.later(1001)
    return facts_of(drain(source))


@pytest.mark.parametrize("kind", ["user", "group", "contact"])
def test_an_error_that_delta_hides_is_told_once_and_taken_back(lab: GraphLab, kind: str) -> None:
    lab.faults.hidden_in_delta = HIDDEN
    one = lab.tenant.ids(kind)[0]
    with lab.source() as source:
        drain(source)
        assert sweep(lab, source) == []
        lab.tenant.set_provisioning_errors(kind, one, CONFLICT)
        (fact,) = sweep(lab, source)
        assert fact.object_id == one and not fact.full
        assert fact.attributes["onPremisesProvisioningErrors"][0]["value"] == "smtp:taken@contoso.com"
        assert sweep(lab, source) == []
        lab.tenant.set_provisioning_errors(kind, one, [])
        (fact,) = sweep(lab, source)
        assert fact.attributes["onPremisesProvisioningErrors"] == []
        assert sweep(lab, source) == []


def test_what_delta_told_is_not_told_again(lab: GraphLab) -> None:
    one = lab.tenant.ids("user")[0]
    with lab.source() as source:
        drain(source)
        lab.tenant.set_provisioning_errors("user", one, CONFLICT)
        lab.later(11)
        assert len(facts_of(drain(source))) == 1
        assert sweep(lab, source) == []


def test_an_error_that_vanished_while_we_were_down_is_taken_back(lab: GraphLab) -> None:
    one = lab.tenant.ids("user")[0]
    lab.tenant.set_provisioning_errors("user", one, CONFLICT)
    saved = Saved()
    with lab.source() as source:
        for batch in drain(source):
            saved.save(batch.checkpoints)
    lab.faults.hidden_in_delta = HIDDEN
    lab.tenant.set_provisioning_errors("user", one, [])
    with lab.source(saved.parts()) as source:
        facts = facts_of(drain(source)) + sweep(lab, source)
    assert [(fact.object_id, fact.attributes["onPremisesProvisioningErrors"]) for fact in facts] == [(one, [])]


def test_a_service_error_is_found_too(lab: GraphLab) -> None:
    lab.faults.hidden_in_delta = HIDDEN
    one = lab.tenant.ids("user")[0]
    with lab.source() as source:
        drain(source)
        error = {"createdDateTime": "2026-03-02T09:35:40Z", "isResolved": False, "serviceInstance": "exchange/x"}
        lab.tenant.upsert("user", one, {"serviceProvisioningErrors": [error]})
        (fact,) = sweep(lab, source)
        assert fact.attributes["serviceProvisioningErrors"] == [error]


def test_an_error_missing_from_the_list_but_standing_is_kept(lab: GraphLab, monkeypatch: pytest.MonkeyPatch) -> None:
    one = lab.tenant.ids("user")[0]
    lab.tenant.set_provisioning_errors("user", one, CONFLICT)
    monkeypatch.setattr("producers.graph.sweep._FILTERS", ("displayName eq 'nobody'",))
    with lab.source() as source:
        drain(source)
        assert sweep(lab, source) == []


def test_where_errors_cannot_be_filtered_everything_is_listed(lab: GraphLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.graph.sweep._FILTERS", ("thisIsNot valid((",))
    lab.faults.hidden_in_delta = HIDDEN
    one = lab.tenant.ids("user")[0]
    with lab.source() as source:
        drain(source)
        lab.later(61)
        drain(source)
        lab.tenant.set_provisioning_errors("user", one, CONFLICT)
        assert [fact.object_id for fact in sweep(lab, source)] == [one]
