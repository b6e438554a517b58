"""Who a domain controller is: its identity, its naming contexts, how far its database has come."""

from __future__ import annotations

import re
from dataclasses import dataclass

from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.ldap.wire import Entry
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.identity import guid_of_bytes


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server's rootDSE says of it.

    service_name:  DN of its NTDS settings: which domain controller this is.
    invocation_id: which life of its database; changes when it is restored. None where it is not readable.
    """

    service_name: str
    invocation_id: str | None
    default_naming_context: str
    configuration_naming_context: str
    naming_contexts: tuple[str, ...]

    def holds(self, naming_context: str) -> bool:
        """Whether this server has that naming context (spelling aside)."""
        return naming_context.lower() in {name.lower() for name in self.naming_contexts}


def read_identity(connection: DirectoryConnection) -> ServerIdentity:
    """The identity of the server behind `connection`. Raises RetriableError if it does not say."""
    asked = ["dsServiceName", "defaultNamingContext", "configurationNamingContext", "namingContexts"]
    entry = _first(connection.read("", attributes=asked), connection, "an empty rootDSE")
    service_name = _text(entry, "dsServiceName")
    settings = connection.read(service_name, attributes=["invocationId"]) if service_name else []
    raw = settings[0].attributes.get("invocationId") if settings else None
    try:
        invocation_id = guid_of_bytes(raw[0]) if raw else None
    except InvalidRecordError as error:
        raise RetriableError(f"{connection.server.url}: its invocationId is no GUID") from error
    return ServerIdentity(
        service_name=service_name,
        invocation_id=invocation_id,
        default_naming_context=_text(entry, "defaultNamingContext"),
        configuration_naming_context=_text(entry, "configurationNamingContext"),
        naming_contexts=tuple(value.decode("utf-8", "replace") for value in entry.attributes.get("namingContexts", ())),
    )


def read_highest_usn(connection: DirectoryConnection) -> int:
    """The server's highestCommittedUSN: it moves with every change, and costs about 1 ms to ask."""
    entry = _first(connection.read("", attributes=["highestCommittedUSN"]), connection, "no highestCommittedUSN")
    text = _text(entry, "highestCommittedUSN") or "0"
    if not re.fullmatch("[0-9]{1,19}", text):
        raise RetriableError(f"{connection.server.url}: highestCommittedUSN is no number")
    return int(text)


def read_object_guid(connection: DirectoryConnection, dn: str) -> str:
    """objectGUID of `dn`; of a naming context's head it tells one domain from another of the same name."""
    entry = _first(connection.read(dn, attributes=["objectGUID"]), connection, f"no object {dn}")
    try:
        return guid_of_bytes(entry.attributes["objectGUID"][0])
    except (KeyError, IndexError, InvalidRecordError) as error:
        raise RetriableError(f"{connection.server.url}: {dn} shows no objectGUID") from error


def _first(entries: list[Entry], connection: DirectoryConnection, what: str) -> Entry:
    if not entries:
        raise RetriableError(f"{connection.server.url}: {what}")
    return entries[0]


def _text(entry: Entry, name: str) -> str:
    values = entry.attributes.get(name)
    return values[0].decode("utf-8", "replace") if values else ""
