"""A forest of two domains: two naming contexts, two servers, one source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.contracts.errors import RetriableError
from tests.integration.ad.conftest import LabDC, Reading, lab_dc

Make = Callable[..., Reading]


@pytest.fixture
def domains(tmp_path: Path) -> Iterator[tuple[LabDC, LabDC]]:
    """corp and fabrikam; one account is known to both, as a forest's accounts are."""
    with lab_dc(tmp_path) as corp, lab_dc(tmp_path, realm="fabrikam.local") as fabrikam:
        account = fabrikam.store.find_account("Administrator")
        assert account is not None
        fabrikam.store.modify(account.guid, {"userPrincipalName": corp.admin_user})
        fabrikam.admin_password = corp.admin_password
        yield corp, fabrikam


def accounts(source: Reading) -> set[str]:
    return {fact.attributes["sAMAccountName"] for fact in source.facts if "sAMAccountName" in fact.attributes}


def test_both_domains_are_read_in_one_sequence(domains: tuple[LabDC, LabDC], reading: Make) -> None:
    corp, fabrikam = domains
    corp.store.add(f"CN=ada,CN=Users,{corp.base_dn}", {"objectClass": "user", "sAMAccountName": "ada"})
    fabrikam.store.add(f"CN=bob,CN=Users,{fabrikam.base_dn}", {"objectClass": "user", "sAMAccountName": "bob"})
    source = reading(corp, servers=[corp.ldaps_url, fabrikam.ldaps_url])
    source.drain()
    source.drain()
    assert {"ada", "bob"} <= accounts(source)
    assert len({fact.seq for fact in source.facts}) == len(source.facts)


def test_one_domain_away_does_not_stop_the_other_and_is_no_contact(domains: tuple[LabDC, LabDC], reading: Make) -> None:
    corp, fabrikam = domains
    source = reading(corp, servers=[corp.ldaps_url, fabrikam.ldaps_url])
    source.drain()
    assert source.step().contacted
    corp.stop()
    fabrikam.store.add(f"CN=bob,CN=Users,{fabrikam.base_dn}", {"objectClass": "user", "sAMAccountName": "bob"})
    assert not source.step().contacted
    assert "bob" in accounts(source)
    fabrikam.stop()
    with pytest.raises(RetriableError):
        source.drain()
    corp.start()
    fabrikam.start()
    corp.store.add(f"CN=ada,CN=Users,{corp.base_dn}", {"objectClass": "user", "sAMAccountName": "ada"})
    for context in source.source._contexts.values():
        context.session._due_at = 0.0
    source.drain()
    assert "ada" in accounts(source)
    assert source.step().contacted


def test_a_domain_that_is_away_at_the_start_is_found_later(domains: tuple[LabDC, LabDC], reading: Make) -> None:
    corp, fabrikam = domains
    fabrikam.stop()
    source = reading(corp, servers=[corp.ldaps_url, fabrikam.ldaps_url])
    source.drain()
    assert list(source.source._contexts) == [corp.base_dn]
    assert [*source.source.progress.unheard] == ["the domain of a domain controller that has not answered yet"]
    fabrikam.start()
    source.source._look_at = 0.0
    source.drain()
    assert not source.source.progress.unheard
    assert list(source.source._contexts) == [corp.base_dn, fabrikam.base_dn]


def test_a_first_reading_is_one_until_every_domain_was_read(domains: tuple[LabDC, LabDC], reading: Make) -> None:
    """The log of a domain that was read whole says nothing of the other's first reading."""
    corp, fabrikam = domains
    source = reading(corp, servers=[corp.ldaps_url, fabrikam.ldaps_url])
    source.step()
    contexts = source.source._contexts.values()
    seen = set()
    while not all(context.position.complete for context in contexts):
        seen.add((sum(context.position.complete for context in contexts), source.source.progress.phase))
        source.step()
    source.step()
    assert seen == {(0, "snapshot"), (1, "snapshot")}
    assert source.source.progress.phase == "streaming"
    source.source.resync(corp.base_dn)
    source.step()
    assert source.source.progress.phase == "resync"
    source.drain()
    assert source.source.progress.phase == "streaming"
