"""The tenant's state: each part alone, unknown where refused, told with every reading."""

from __future__ import annotations

import pytest

from deploy.lab.entra.faults import Fault
from streams.contracts.facts import TenantState
from tests.support.graph_lab import TENANT, GraphLab, drain


def states(lab: GraphLab, source, after_s: float = 0) -> list[TenantState]:
    lab.later(after_s)
    return [state for batch in drain(source) for state in batch.tenants]


def test_a_delegated_application_reads_all_parts(lab: GraphLab) -> None:
    lab.app.delegated = True
    admin = lab.tenant.ids("user")[0]
    lab.tenant.grant_admin(admin)
    with lab.source() as source:
        state = states(lab, source)[-1]
    assert state.tenant == TENANT
    assert {domain.name: domain.is_verified for domain in state.domains or ()} == {
        "contoso.com": True,
        "contoso.onmicrosoft.com": True,
    }
    assert [domain.name for domain in state.domains or () if domain.is_initial] == ["contoso.onmicrosoft.com"]
    assert state.organization is not None and state.organization["onPremisesSyncEnabled"] is True
    assert state.features is not None and state.features["quarantineUponUpnConflictEnabled"] is True
    assert state.privileged_ids == [admin]


def test_refused_features_are_unknown_not_off(lab: GraphLab) -> None:
    with lab.source() as source:
        state = states(lab, source)[-1]
    assert state.features is None and state.domains and state.organization


def test_domains_fall_back_to_the_organization(lab: GraphLab) -> None:
    lab.faults.add(Fault("forbidden", path="/domains", times=None))
    with lab.source() as source:
        state = states(lab, source)[-1]
    assert {domain.name for domain in state.domains or ()} == {"contoso.com", "contoso.onmicrosoft.com"}


def test_each_reading_is_told_with_its_time(lab: GraphLab) -> None:
    """A last synchronisation that stands still is judged by when it was read, not by when it changed."""
    with lab.source() as source:
        first = states(lab, source)[-1].organization
        (again,) = states(lab, source, 101)
        assert first is not None and again.organization is not None
        assert again.organization["readDateTime"] > first["readDateTime"]
        assert {**again.organization, "readDateTime": None} == {**first, "readDateTime": None}
        assert again.organization["directorySizeQuota"]["total"] > 0
        lab.tenant.add_domain("fabrikam.com", authentication="Federated", verified=False)
        (state,) = states(lab, source, 101)
        (new,) = [domain for domain in state.domains or () if domain.name == "fabrikam.com"]
        assert not new.is_verified and new.authentication_type == "Federated"


@pytest.mark.parametrize("part", ["/organization", "/domains", "/roleManagement"])
def test_a_part_out_of_reach_keeps_its_last_value(lab: GraphLab, part: str) -> None:
    with lab.source() as source:
        before = states(lab, source)[-1]
        lab.faults.add(Fault("server_error", path=part, times=None))
        for told in states(lab, source, 101):
            assert _parts(told) == _parts(before)
        lab.tenant.set_features(blockSoftMatchEnabled=True)
        lab.app.delegated = True
        lab.faults.expire_tokens()
        (after,) = states(lab, source, 101)
    assert _parts(after) == _parts(before)
    assert after.features is not None


def _parts(state: TenantState) -> tuple[object, ...]:
    organization = {**(state.organization or {}), "readDateTime": None}
    return organization, state.domains, state.privileged_ids
