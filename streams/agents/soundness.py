"""Is it the code or the data? Records that this version must be able to work off, tried when others fail.

Garbage of any amount must not stop a worker, a broken version must: so a failure counts for the fuse only if one of
these fails, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation, Origin, TenantState
from streams.contracts.views import ContextUpdate, Contribution, ContributionChunk
from streams.directory.rows import MemoryRows
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from streams.views.installation.tenant_view import tenant_contributions

_TENANT = "00000000-0000-0000-0000-000000000001"
_ORIGINS = (
    Origin(name="ad/probe", side="ad", tenant=_TENANT, forest="probe"),
    Origin(name=f"entra/{_TENANT}", side="entra", tenant=_TENANT),
)
_KINDS = (ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT, ObjectKind.DEVICE)


@lru_cache(maxsize=8)  # code does not change while it runs
def projector_is_sound(projector: Projector) -> bool:
    """Whether objects of every kind, of either side, can be projected. The contributions are thrown away."""

    def project() -> None:
        for origin in _ORIGINS:
            rows = MemoryRows()
            for number, kind in enumerate(_KINDS, start=1):
                for fact in _facts(kind, number):
                    projector.apply(origin, fact, rows)

    return _succeeds(project)


@lru_cache(maxsize=8)
def partition_is_sound(options: EvaluatorOptions) -> bool:
    """Whether a partition of the views can take in a tenant and what is told to its view."""

    def take_in() -> None:
        partition, rows = ViewPartition((), options), MemoryRows()
        partition.restore(rows)
        tenant = TenantState(tenant=_TENANT, seq=1, ts_ms=1, organization={"displayName": "probe"}, collected=True)
        partition.apply(ContextUpdate(sent_ms=1, tenant=tenant), rows)
        items: list[Contribution] = tenant_contributions(tenant)
        partition.apply(ContributionChunk(sent_ms=1, items=items), rows)

    return _succeeds(take_in)


def _facts(kind: ObjectKind, number: int) -> list[Fact]:
    object_id = f"00000000-0000-0000-0000-00000000000{number}"
    attributes = {
        "userPrincipalName": "probe@contoso.com",
        "distinguishedName": "CN=probe,DC=probe",
        "displayName": "probe",
        "mail": "probe@contoso.com",
    }
    links = {"member": LinkChange(added=[Link("00000000-0000-0000-0000-0000000000ff")])}
    return [
        Fact(
            op=Operation.READ, object_id=object_id, seq=1, ts_ms=1, kind=kind, full=True, attributes=attributes,
            links=links if kind is ObjectKind.GROUP else {},
        ),
        Fact(op=Operation.UPDATED, object_id=object_id, seq=2, ts_ms=2, attributes={"displayName": None}),
        Fact(op=Operation.DELETED, object_id=object_id, seq=3, ts_ms=3),
    ]  # fmt: skip


def _succeeds(work: Callable[[], None]) -> bool:
    try:
        work()
    except Exception:  # noqa: BLE001  any of them says that it is the code
        return False
    return True
