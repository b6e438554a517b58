"""One tenant: a token, then every permission by the request that needs it, and the clock."""

from __future__ import annotations

import contextlib
import email.utils
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.cli.check.line import Line, Mark, fault, gap, good, skew
from producers.graph.client import GraphClient, GraphError
from producers.graph.collections import COLLECTIONS, DEVICES
from producers.graph.deleted import DELETED_PERMISSIONS, NOT_IN_V1, deleted_path
from producers.graph.mapping.sign_ins import SIGN_INS
from producers.graph.mapping.synchronization import job_of
from producers.graph.session import TimedSession
from producers.graph.tenant import CLOUD_SYNC_PRINCIPALS, jobs_path
from producers.graph.token import TokenSource
from streams.contracts.errors import RetriableError
from streams.contracts.flows import added_properties
from streams.runtime.http_session import HttpError
from streams.runtime.settings import ForestSettings, TenantSettings


@dataclass(frozen=True, slots=True)
class _Need:
    """A request of the pipeline and the permission behind it; `without`: what is lost, for what is not vital.

    beta_too: it is asked of the beta where v1.0 has no such thing, and a cloud without it misses nothing.
    """

    path: str
    permission: str
    without: str = ""
    beta_too: bool = False


_NEEDS = (
    *(
        _Need(
            f"/{collection.name}/delta?$select=id",
            collection.permission,
            "" if collection.essential else f"{collection.name} are unknown, so what concerns them is not judged",
        )
        for collection in COLLECTIONS
    ),
    *(
        _Need(
            deleted_path(collection, top=1),
            DELETED_PERMISSIONS[collection.name],
            f"{collection.name} deleted before our first reading of the tenant stay unknown, and of none is it known "
            "that it can be restored",
            beta_too=collection is DEVICES,
        )
        for collection in COLLECTIONS
        if collection.name in DELETED_PERMISSIONS
    ),
    _Need("/organization", "Organization.Read.All", "the tenant's last synchronisation is unknown"),
    _Need("/domains", "Domain.Read.All", "only verified domains are known, from the organization"),
    _Need(
        "/roleManagement/directory/roleAssignments?$select=principalId",
        "RoleManagement.Read.Directory",
        "holders of roles are unknown, so forecasts never say admin_role_conflict",
    ),
    _Need(
        "/directory/onPremisesSynchronization",
        "OnPremDirectorySynchronization.Read.All",
        "synchronisation features are unknown, so conflict.hard_match_blocked waits two cycles "
        "(most tenants give this to people only, not to applications)",
    ),
    _Need(
        "/auditLogs/directoryAudits?$top=1",
        "AuditLog.Read.All",
        "audit and provisioning logs are unknown, so what Entra ID says of password resets, settings that somebody "
        "changed and writeback to AD is not judged",
    ),
)

_SIGN_INS = _Need(
    "/auditLogs/signIns?$top=1",
    SIGN_INS.permission,
    "sign-ins are unknown, so a device counts as active only by its own coarse time (they take a P1 licence, too)",
)


_CLOUD_SYNC = ("Application.Read.All", "Synchronization.Read.All")


def permissions() -> set[str]:
    """Every application permission that is tried, optional ones too; README names the same (a test)."""
    return {need.permission for need in (*_NEEDS, _SIGN_INS)} | set(_CLOUD_SYNC)


def check_tenant(tenant: TenantSettings, forests: Sequence[ForestSettings] = ()) -> Iterator[Line]:
    """Lines for the token, each permission and the clock; without a token there is only that line.

    forests: those that are synchronised to it.
    """
    try:
        tokens = TokenSource(tenant, TimedSession(tenant))
        tokens.token()
    except RetriableError as error:
        yield fault(tenant.id, str(error))
        return
    yield good(tenant.id, f"{tenant.authority} gives application {tenant.client_id or 'managed identity'} a token")
    client = GraphClient(tenant, tokens)
    for need in (*_NEEDS, *([_SIGN_INS] if tenant.sign_ins else ())):
        yield _permission(client, need, tenant)
    yield from _added(client, tenant)
    yield from _cloud_sync(client, tenant, forests)
    yield from _clock(tenant)


def _added(client: GraphClient, tenant: TenantSettings) -> Iterator[Line]:
    """Whether there is what the settings make us read beside the usual."""
    for name in added_properties(tenant.flows):
        try:
            client.get(client.url(f"/users/delta?$select={name}"))
        except GraphError as error:
            yield fault(tenant.id, f"property {name} cannot be read ({error})", "correct property in [[tenant.flow]]")
        except RetriableError as error:
            yield fault(tenant.id, str(error), "check again")
        else:
            yield good(tenant.id, f"{name} of users is read, too: [[tenant.flow]] names it")


def _cloud_sync(client: GraphClient, tenant: TenantSettings, forests: Sequence[ForestSettings]) -> Iterator[Line]:
    """Whether the jobs of Cloud Sync can be read; where it is not used, there is no job to try it with."""
    lost = "the jobs of Cloud Sync are unknown, so a quarantine or a failing job is not seen"
    yield (listed := _permission(client, _Need(CLOUD_SYNC_PRINCIPALS, _CLOUD_SYNC[0], lost), tenant))
    if listed.mark is not Mark.GOOD:
        return
    try:
        found = client.get(client.url(CLOUD_SYNC_PRINCIPALS)).get("value") or []
    except (GraphError, RetriableError) as error:
        yield fault(tenant.id, str(error), "check again")
        return
    for principal in found[:1]:
        yield _permission(client, _Need(jobs_path(str(principal.get("id"))), "Synchronization.Read.All", lost), tenant)
    if tenant.users_joined_by:
        yield from _joined(client, tenant, found, [each.name for each in forests if not each.cloud_sync_ous])
    if not found:
        yield good(tenant.id, f"{_CLOUD_SYNC[1]}: not tried, no configuration of Cloud Sync is there")


def _joined(
    client: GraphClient, tenant: TenantSettings, principals: Iterable[dict[str, Any]], unnamed: Iterable[str]
) -> Iterator[Line]:
    """Cloud Sync joins nobody across forests: the settings say what it synchronises, or people are joined in vain."""
    brought = set()
    for principal in principals:
        with contextlib.suppress(GraphError, RetriableError):  # told above
            jobs = client.get(client.url(jobs_path(str(principal.get("id"))))).get("value") or []
            brought |= {job_of(job, "").get("forest") for job in jobs}
    for name in sorted(name for name in unnamed if name.lower() in brought):
        yield gap(
            tenant.id,
            f"Cloud Sync synchronises {name} and joins nobody; users_joined_by is applied to it all the same",
            f"name what it synchronises in cloud_sync_ous of [[forest]] {name}: its domains, where that is all",
        )


def _permission(client: GraphClient, need: _Need, tenant: TenantSettings) -> Line:
    grant = f"grant the application permission {need.permission} and consent to it as an administrator"
    try:
        _ask(client, need)
    except GraphError as error:
        if need.beta_too and error.status in NOT_IN_V1:
            return good(tenant.id, f"{need.permission}: this cloud has no {need.path.partition('?')[0]}")
        if need.without:
            return gap(tenant.id, f"{error}: {need.without}", grant)
        return fault(tenant.id, str(error), grant)
    except RetriableError as error:
        return fault(tenant.id, str(error), "check graph_url, ca_file and the network; then check again")
    return good(tenant.id, f"{need.permission}: {need.path.partition('?')[0]} can be read")


def _ask(client: GraphClient, need: _Need) -> None:
    try:
        client.get(client.url(need.path))
    except GraphError as error:
        if not need.beta_too or error.status not in NOT_IN_V1:
            raise
        client.get(client.beta_url(need.path))


def _clock(tenant: TenantSettings) -> Iterator[Line]:
    before_s = time.time()
    try:
        # Refused without a token, and dated all the same.
        answer = TimedSession(tenant).get(f"{tenant.graph_url.rstrip('/')}/v1.0/organization")
    except HttpError:
        return
    date = answer.headers.get("Date")
    if date:
        yield skew(tenant.id, "Graph", email.utils.parsedate_to_datetime(date).timestamp(), before_s)
