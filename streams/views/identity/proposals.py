"""Whether somebody already holds what a hygiene rule proposes: object views ask, address and value views answer
(streams.views.questions).


A question must not depend on what is known of the tenant (views are built without it), so a proposal that gives
the user another domain is not asked about; `synchealth scan` checks those too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from streams.contracts import view_keys
from streams.directory.addresses import fold_address, fold_proxy_address
from streams.directory.party import Party
from streams.hygiene.check import check
from streams.hygiene.entra.profile import entra_profile
from streams.hygiene.faults import Fault
from streams.hygiene.objects import ATTRIBUTES, DirectoryObject
from streams.hygiene.tenant import TenantContext
from streams.views.questions import ask_holders
from streams.views.view import Derived, Memo

_PROFILE = entra_profile()
_READ = frozenset(ATTRIBUTES)
_CLASS_OF_KIND = {"user": "user", "group": "group", "contact": "contact"}


def directory_object(party: Party, attributes: Mapping[str, Any]) -> DirectoryObject:
    """An AD object of the stream as the hygiene rules read it.

    Facts carry objectClass only with a whole object; the kind stands in for it.
    """
    values: dict[str, list[str]] = {}
    for name, value in attributes.items():
        if name not in _READ:
            continue
        if isinstance(value, str):
            values[name] = [value]
        elif isinstance(value, list):
            values[name] = [item if isinstance(item, str) else _text(item) for item in value]
        elif value is not None:
            values[name] = [_text(value)]
    return DirectoryObject(party.distinguished_name or "", ("top", _CLASS_OF_KIND.get(party.kind, party.kind)), values)


def view_of_value(tenant: str, attribute: str, value: str) -> str | None:
    """The key of the view that knows who holds `value` as this attribute; None where nobody keeps count."""
    if attribute in {"userPrincipalName", "mail"}:
        address = fold_address(value)
        return view_keys.address(tenant, address.folded) if address is not None else None
    if attribute == "proxyAddresses":
        address = fold_proxy_address(value)
        return view_keys.address(tenant, address.folded) if address is not None else None
    if attribute == "targetAddress":
        address = fold_proxy_address(value)
        return view_keys.value(tenant, "targetAddress", address.folded) if address is not None else None
    return view_keys.value(tenant, attribute, value.strip().lower()) if attribute == "mailNickname" else None


def faults_anywhere(party: Party, attributes: Mapping[str, Any], memo: Memo) -> tuple[Fault, ...]:
    """The faults of an AD object that it would have in any tenant. memo: of its view, whose rules and questions ask."""
    return memo.once(
        ("faults anywhere", party.identity),
        attributes,
        lambda: check(directory_object(party, attributes), _PROFILE, _anywhere()),
    )


def questions(key: str, tenant: str, sides: Iterable[tuple[Party, Mapping[str, Any]]], memo: Memo) -> list[Derived]:
    """What the object view `key` asks about the proposals for its AD objects."""
    views = {
        view
        for party, attributes in sides
        if party.in_scope
        for fault in faults_anywhere(party, attributes, memo)
        if fault.proposed_value is not None
        and (view := view_of_value(tenant, fault.attribute, fault.proposed_value)) is not None
    }
    return [ask_holders(view, key) for view in sorted(views)]


@cache
def _anywhere() -> TenantContext:
    """No tenant in particular. Made at first use, because it reads the list of top-level domains."""
    return TenantContext()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value)
