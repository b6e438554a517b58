"""Every cloud's own domains are known wherever one is, and written down once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import producers
import streams
from streams.contracts import clouds
from streams.contracts.clouds import INITIAL_DOMAINS, OWN_DOMAINS
from streams.directory.addresses import is_placeholder_upn
from streams.directory.proxy_addresses import exported_proxies
from streams.hygiene.tenant import tenant_of_domains
from streams.views.installation.export_steps import is_cloud
from tests.support.source_text import told


@pytest.mark.parametrize("domain", INITIAL_DOMAINS)
def test_initial_domains(domain: str) -> None:
    assert is_placeholder_upn(f"wei4711@contoso{domain}", "wei@contoso.com", None)
    assert is_cloud(f"contoso{domain} - AAD") and is_cloud(f"Contoso{domain.upper()} (Entra)")
    tenant = tenant_of_domains([f"contoso.mail{domain}", f"contoso{domain}", "contoso.com"])
    assert (tenant.initial_domain, tenant.preferred_domain) == (f"contoso{domain}", "contoso.com")


@pytest.mark.parametrize("domain", [*OWN_DOMAINS, *(f".mail{each}" for each in INITIAL_DOMAINS)])
def test_addresses_in_own_domains_are_the_clouds(domain: str) -> None:
    ad = {"proxyAddresses": ["SMTP:wei@contoso.com", f"smtp:wei@contoso{domain}"]}
    assert exported_proxies(ad, "group", None).addresses == {"wei@contoso.com"}
    assert tenant_of_domains([f"contoso{domain}"]).preferred_domain is None


def test_nobody_else_spells_them() -> None:
    spelled = [
        f"{file}: {each.value}"
        for package in (streams, producers)
        for file in Path(package.__path__[0]).rglob("*.py")
        if file.name != f"{clouds.__name__.rpartition('.')[2]}.py"
        for each in told(ast.parse(file.read_text(encoding="utf-8")))
        if ".onmicrosoft." in each.value or "onmschina" in each.value
    ]
    assert spelled == []
