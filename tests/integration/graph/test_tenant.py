"""The tenant's state: each part alone, unknown where refused, told again only when it changed."""

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


def test_the_state_is_told_again_only_when_it_changed(lab: GraphLab) -> None:
    with lab.source() as source:
        states(lab, source)
        assert states(lab, source, 101) == []
        lab.tenant.add_domain("fabrikam.com", authentication="Federated", verified=False)
        (state,) = states(lab, source, 101)
        (new,) = [domain for domain in state.domains or () if domain.name == "fabrikam.com"]
        assert not new.is_verified and new.authentication_type == "Federated"


@pytest.mark.parametrize("part", ["/organization", "/domains", "/roleManagement"])
def test_a_part_out_of_reach_keeps_its_last_value(lab: GraphLab, part: str) -> None:
    with lab.source() as source:
        before = states(lab, source)[-1]
        lab.faults.add(Fault("server_error", path=part, times=None))
        assert states(lab, source, 101) == []
        lab.tenant.set_features(blockSoftMatchEnabled=True)
        lab.app.delegated = True
        lab.faults.expire_tokens()
        (after,) = states(lab, source, 101)
    assert (after.organization, after.domains, after.privileged_ids) == (
        before.organization,
        before.domains,
        before.privileged_ids,
    )
    assert after.features is not None
