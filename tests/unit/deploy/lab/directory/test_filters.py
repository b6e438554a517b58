"""The filter decoder against ldap3's parser and pyasn1's encoder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation import search as ldap3_search
from pyasn1.codec.ber import encoder

from deploy.lab.directory import filters
from deploy.lab.directory.ber import Reader
from deploy.lab.directory.filters import Filter, decode
from deploy.lab.directory.matching import BIT_AND, predicate
from deploy.lab.directory.store import DirectoryStore

_NAMES = st.sampled_from(["cn", "mail", "userAccountControl", "proxyAddresses", "member"])
_OCTETS = st.binary(min_size=1, max_size=12)


def _text_value(value: bytes) -> str:
    return "".join(f"\\{octet:02x}" for octet in value)


_SIMPLE = st.one_of(
    st.builds(lambda name: f"({name}=*)", _NAMES),
    st.builds(
        lambda name, sign, value: f"({name}{sign}{_text_value(value)})",
        _NAMES,
        st.sampled_from(["=", ">=", "<=", "~="]),
        _OCTETS,
    ),
    st.builds(
        lambda name, first, middle, last: f"({name}={first}*{''.join(m + '*' for m in middle)}{last})",
        _NAMES,
        _OCTETS.map(_text_value),
        st.lists(_OCTETS.map(_text_value), max_size=2),
        st.one_of(st.just(""), _OCTETS.map(_text_value)),
    ),
    st.builds(lambda value: f"(userAccountControl:{BIT_AND}:={value})", st.integers(0, 2**31)),
)
_FILTERS = st.recursive(
    _SIMPLE,
    lambda inner: st.one_of(
        st.builds(lambda parts: f"(&{''.join(parts)})", st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: f"(|{''.join(parts)})", st.lists(inner, min_size=1, max_size=3)),
        inner.map(lambda part: f"(!{part})"),
    ),
    max_leaves=8,
)


def _through_ldap3(text: str) -> bytes:
    root = ldap3_search.parse_filter(text, None, False, False, None, False).elements[0]
    return bytes(encoder.encode(ldap3_search.compile_filter(root)))


@given(_FILTERS)
def test_what_ldap3_encodes_is_decoded_to_the_same_octets(text: str) -> None:
    decoded = decode(Reader(_through_ldap3(text)))
    assert _through_ldap3(str(decoded)) == _through_ldap3(text)


@given(_FILTERS)
def test_every_filter_can_be_evaluated(text: str) -> None:
    matches = predicate(_STORE, decode(Reader(_through_ldap3(text))))
    verdicts = {matches(_STORE.entry(found.guid)) for found in _STORE.objects()}
    assert verdicts <= {True, False, None}


@given(_FILTERS)
def test_negation_splits_the_directory_unless_the_filter_is_undefined(text: str) -> None:
    node = decode(Reader(_through_ldap3(text)))
    plain = predicate(_STORE, node)
    negated = predicate(_STORE, Filter(filters.NOT, parts=(node,)))
    for found in _STORE.objects():
        entry = _STORE.entry(found.guid)
        expected = plain(entry)
        assert negated(entry) is (None if expected is None else not expected)


_STORE = DirectoryStore(seed=1)
