"""Addresses fold as Entra ID compares them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.clouds import INITIAL_DOMAINS
from streams.directory.addresses import (
    Address,
    domain_of,
    fold_address,
    fold_proxy_address,
    is_placeholder_upn,
)
from streams.directory.proxy_addresses import exported_proxies


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("SMTP:Mary@Contoso.com", Address("mary@contoso.com", primary=True)),
        ("smtp:Mary@Contoso.com", Address("mary@contoso.com")),
        ("Smtp:mary@contoso.com", Address("mary@contoso.com")),
        ("  smtp: mary@contoso.com ", Address("mary@contoso.com")),
        ("mary@contoso.com", Address("mary@contoso.com")),
        ("SIP:Mary@contoso.com", Address("sip:mary@contoso.com")),
        ("X500:/o=ExchangeLabs/cn=A", Address("x500:/o=exchangelabs/cn=a")),
        ("eum:123;phone-context=x", Address("eum:123;phone-context=x")),
        ("smtp:", None),
        ("   ", None),
    ],
)
def test_proxy_addresses(value: str, expected: Address | None) -> None:
    assert fold_proxy_address(value) == expected


def test_resiliency_covers_smtp_only() -> None:
    assert fold_proxy_address("smtp:a@b.c").is_smtp  # type: ignore[union-attr]
    assert not fold_proxy_address("sip:a@b.c").is_smtp  # type: ignore[union-attr]


@given(st.emails())
def test_one_address_whatever_its_case_prefix_and_attribute(address: str) -> None:
    folded = {
        fold_address(address),
        fold_address(address.upper()),
        fold_proxy_address("smtp:" + address.lower()),
    }
    assert folded == {Address(address.lower())}


@pytest.mark.parametrize(
    ("cloud", "ours", "initial", "expected"),
    [
        ("mary+1234@contoso.onmicrosoft.com", "mary@contoso.com", "contoso.onmicrosoft.com", True),
        ("Mary1234@contoso.onmicrosoft.com", "mary@contoso.com", "contoso.onmicrosoft.com", True),
        ("mary1234@contoso.onmicrosoft.com", "mary@contoso.com", None, True),
        ("mary12345@contoso.onmicrosoft.com", "mary1@contoso.com", "contoso.onmicrosoft.com", True),
        ("mary@contoso.onmicrosoft.com", "mary@contoso.local", "contoso.onmicrosoft.com", False),
        ("mary123@contoso.onmicrosoft.com", "mary@contoso.com", "contoso.onmicrosoft.com", False),
        ("mary1234@contoso.com", "mary@contoso.com", "contoso.onmicrosoft.com", False),
        ("mary1234@fabrikam.onmicrosoft.com", "mary@contoso.com", "contoso.onmicrosoft.com", False),
        ("anna1234@contoso.onmicrosoft.com", "mary@contoso.com", "contoso.onmicrosoft.com", False),
        ("no-domain1234", "mary@contoso.com", None, False),
    ],
)
def test_placeholder_names(cloud: str, ours: str, initial: str | None, expected: bool) -> None:
    assert is_placeholder_upn(cloud, ours, initial) is expected


def test_domain_of() -> None:
    assert domain_of("a@b@Contoso.COM") == "contoso.com"
    assert domain_of("nothing") == ""


@pytest.mark.parametrize("domain", INITIAL_DOMAINS)
def test_the_initial_domain_of_every_cloud_is_reserved(domain: str) -> None:
    address = f"SMTP:kim@contoso{domain}"
    assert exported_proxies({"proxyAddresses": [address]}, "group", None).addresses == frozenset()
    assert is_placeholder_upn(f"kim4711@contoso{domain}", "kim@contoso.com", None)
