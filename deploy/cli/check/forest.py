"""One forest: every server, its certificate, our password, the rights (ours and Connect's), the units, the clock."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from deploy.cli.check.anchors import check_anchors
from deploy.cli.check.line import Line, fault, gap, good, skew
from producers.ad.ldap.connection import DirectoryConnection, Scope, open_connection
from producers.ad.ldap.dirsync import DirSyncRequest
from producers.ad.ldap.refusals import GRANT
from producers.ad.ldap.wire import Entry
from producers.ad.root_dse import ServerIdentity, read_identity
from producers.ad.servers import address_of
from streams.contracts.distinguished_name import dns_domain, value_of
from streams.contracts.errors import FatalError, SyncHealthError
from streams.runtime.settings import ForestSettings

_SMALL = 64 * 1024


def check_forest(forest: ForestSettings, added: Sequence[str] = ()) -> Iterator[Line]:
    """Lines for every server of the forest, and for the attributes that settings of its tenants make us read.

    A refused password is tried once, not at every server. A unit or group is looked for where its domain is.
    """
    domains: set[str] = set()
    for url in forest.servers:
        try:
            connection = open_connection(address_of(url), forest)
        except SyncHealthError as error:
            yield fault(forest.name, str(error), "" if isinstance(error, FatalError) else "check address and firewall")
            if ": bind as " in str(error):
                return
            continue
        try:
            yield good(forest.name, f"{url}: certificate trusted, bound as {forest.bind_user}")
            identity = read_identity(connection)
            held = {dns_domain(each) for each in identity.naming_contexts if value_of(each)[0] == "dc"}
            domains |= held
            yield from _server(connection, forest, identity)
            yield from _places(connection, forest, held)
            yield from _added(connection, forest, added)
        except SyncHealthError as error:
            yield fault(forest.name, str(error))
        finally:
            connection.close()
    for place in (*_groups(forest), *_units(forest)):
        if domains and dns_domain(place) not in domains:
            yield fault(
                forest.name,
                f"{place}: no server that answers holds its domain",
                "correct its name, or add a server of that domain",
            )


def _server(connection: DirectoryConnection, forest: ForestSettings, identity: ServerIdentity) -> Iterator[Line]:
    now_s = time.time()
    clock = _current_time(connection)
    if clock is not None:
        yield skew(forest.name, connection.server.host, clock, now_s)
    for naming_context in forest.naming_contexts or [identity.default_naming_context]:
        yield from _replication(connection, forest, identity, naming_context)
        yield from check_anchors(connection, forest.name, naming_context)


def _groups(forest: ForestSettings) -> list[str]:
    of_tenants = [group for own in forest.scope for group in own.scope_groups or ()]
    return list(dict.fromkeys([*(forest.scope_groups or ()), *of_tenants]))


def _units(forest: ForestSettings) -> list[str]:
    of_tenants = [unit for own in forest.scope for unit in (*own.include_ous, *own.exclude_ous)]
    return list(dict.fromkeys([*forest.include_ous, *forest.exclude_ous, *forest.cloud_sync_ous, *of_tenants]))


def _places(connection: DirectoryConnection, forest: ForestSettings, held: Collection[str]) -> Iterator[Line]:
    """Whether what the settings name is there, as far as it is in a domain that the server holds."""
    for group in (each for each in _groups(forest) if dns_domain(each) in held):
        if not connection.read(group, "(objectClass=group)", attributes=["objectClass"]):
            yield fault(
                forest.name,
                f"{group} is no group, or {forest.bind_user} may not see it",
                "correct scope_groups: they must be the groups by which your sync engine is scoped",
            )
    for unit in (each for each in _units(forest) if dns_domain(each) in held):
        if not connection.read(unit, attributes=["objectClass"]):
            yield fault(
                forest.name,
                f"{unit} does not exist, or {forest.bind_user} may not see it",
                "correct include_ous, exclude_ous or cloud_sync_ous: they must be the units of your sync engine",
            )


def _added(connection: DirectoryConnection, forest: ForestSettings, names: Sequence[str]) -> Iterator[Line]:
    """Whether there is what the settings make us read beside the usual, and of one value."""
    root = connection.read("", attributes=["schemaNamingContext"]) if names else []
    schema = root[0].attributes.get("schemaNamingContext", [b""])[0].decode() if root else ""

    def described(name: str) -> list[Entry]:
        return connection.read(schema, f"(lDAPDisplayName={name})", scope=Scope.SUBTREE, attributes=["isSingleValued"])

    if not schema or not described("objectClass"):
        return  # it may not be read
    for name in names:
        found = described(name)
        if not found:
            yield fault(forest.name, f"the schema has no attribute {name}", "correct attribute in [[tenant.flow]]")
        elif found[0].attributes.get("isSingleValued") != [b"TRUE"]:
            yield gap(forest.name, f"{name} may have several values, of which one is compared", "compare another one")
        else:
            yield good(forest.name, f"{name} is read, too: [[tenant.flow]] names it")


def _replication(
    connection: DirectoryConnection, forest: ForestSettings, identity: ServerIdentity, naming_context: str
) -> Iterator[Line]:
    if not identity.holds(naming_context):
        yield fault(
            forest.name,
            f"{connection.server.url} does not hold {naming_context}",
            "add a server of that domain, or leave naming_contexts out",
        )
        return
    request = DirSyncRequest(
        connection,
        naming_context,
        b"",
        search_filter="(objectClass=domainDNS)",
        attributes=["objectClass", "name"],
        object_security=forest.object_security,
        max_bytes=_SMALL,
    )
    try:
        seen = sum(1 for _ in request)
    except FatalError as error:
        yield fault(forest.name, f"changes of {naming_context} may not be read ({error})", GRANT)
        return
    if seen or request.more:
        how = "with object security: deletions stay unseen" if forest.object_security else "by right of replication"
        yield good(forest.name, f"changes of {naming_context} can be read {how}")
    else:
        yield fault(forest.name, f"DirSync shows nothing of {naming_context}", GRANT)


def _current_time(connection: DirectoryConnection) -> float | None:
    """The server's clock, seconds since the epoch; None where its rootDSE does not say."""
    for entry in connection.read("", attributes=["currentTime"]):
        values = entry.attributes.get("currentTime")
        if values:
            return datetime.strptime(values[0].decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    return None
