"""The scan and the stream hold the same addresses to be one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.directory.addresses import fold_address, fold_proxy_address
from streams.hygiene.entra.addresses import ADDRESS, claim_address, claim_proxy

_texts = st.lists(
    st.sampled_from(["smtp:", "SMTP:", "sip:", "X500:", "a", "B", "@contoso.com", " ", "/o=", "\u00fc", "\u0130", ":"]),
    min_size=1,
    max_size=5,
).map("".join)


@given(_texts)
@settings(max_examples=500)
def test_claims_of_the_scan_are_the_keys_of_the_address_views(text: str) -> None:
    proxy, plain = fold_proxy_address(text), fold_address(text)
    if plain is not None:
        assert claim_address(text) == (ADDRESS, plain.folded)
    if proxy is not None:
        assert claim_proxy(text)[1] == proxy.folded
