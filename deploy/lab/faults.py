"""Faults on order: what can be broken in a running lab by name, and how it is repaired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.joined import point_to, remove_connection_point
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Act


@dataclass(frozen=True, slots=True)
class Fault:
    """told: what happens, in a sentence; opens: the detection that must follow."""

    told: str
    opens: str
    break_: Act
    repair: Act


def faults(lab: HybridOrganisation) -> Mapping[str, Fault]:
    """Every fault by name; each happens to people of its own."""
    cast = Cast(lab)
    return {name: make(cast) for name, make in _FAULTS.items()}


def _duplicate(cast: Cast) -> Fault:
    owner, taker = cast.person(), cast.person()
    before = taker.values("proxyAddresses")
    return Fault(
        f"{taker.name} gets {owner.name}'s address {owner.address} as an alias",
        "conflict.duplicate_address",
        lambda: taker.write(proxyAddresses=[*before, f"smtp:{owner.address}"]),
        lambda: taker.write(proxyAddresses=before),
    )


def _two_forests(cast: Cast) -> Fault:
    here, there = cast.person(), cast.person(cast.other)
    before = there.values("proxyAddresses")
    return Fault(
        f"{there.name} of {cast.other.name} gets {here.name}'s address {here.address} of {cast.main.name}",
        "conflict.duplicate_address",
        lambda: there.write(proxyAddresses=[*before, f"smtp:{here.address}"]),
        lambda: there.write(proxyAddresses=before),
    )


def _connection_point(cast: Cast) -> Fault:
    joined = next(forest for forest in cast.lab.forests if forest.hybrid_join)
    return Fault(
        f"somebody deletes the service connection point of {joined.name} as a leftover",
        "hybrid_join.scp_missing",
        lambda: remove_connection_point(joined.store),
        lambda: point_to(joined.store, cast.cloud.tenant_id, joined.layout.domain),
    )


def _wrong_tenant(cast: Cast) -> Fault:
    joined = next(forest for forest in cast.lab.forests if forest.hybrid_join)
    elsewhere = "99999999-9999-4999-8999-999999999999"
    return Fault(
        f"the service connection point of {joined.name} names a tenant that is not ours",
        "hybrid_join.scp_wrong_tenant",
        lambda: point_to(joined.store, elsewhere, joined.layout.domain),
        lambda: point_to(joined.store, cast.cloud.tenant_id, joined.layout.domain),
    )


def _password_writeback(cast: Cast) -> Fault:
    admin = f"helpdesk@{cast.main.layout.domain}"
    writeback = cast.lab.writeback
    return Fault(
        f"{admin} switches password writeback off",
        "writeback.password_writeback_disabled",
        lambda: writeback.set_enabled(False, by=admin),
        lambda: writeback.set_enabled(True, by=admin),
    )


_FAULTS: Mapping[str, Callable[[Cast], Fault]] = {
    "duplicate": _duplicate,
    "duplicate-across-forests": _two_forests,
    "connection-point": _connection_point,
    "wrong-tenant": _wrong_tenant,
    "password-writeback": _password_writeback,
}
NAMES = tuple(_FAULTS)
