"""Several domain controllers: stay with the one that works, go on to the next when it fails."""

from __future__ import annotations

from urllib.parse import urlsplit

from producers.ad.ldap.connection import DirectoryConnection, ServerAddress, open_connection
from producers.ad.ldap.refusals import BindRefusedError
from producers.ad.root_dse import ServerIdentity, read_identity
from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.logs import get_logger
from streams.runtime.settings import ForestSettings

_LDAP_PORT, _LDAPS_PORT = 389, 636

log = get_logger(__name__)


class Servers:
    """The servers of one forest. A naming context is pinned to the server it was last read from:
    another one may lag behind in replication, and its USNs are its own.
    """

    def __init__(self, forest: ForestSettings) -> None:
        self._forest = forest
        self._addresses = [address_of(url) for url in forest.servers]
        self._pinned: dict[str, ServerAddress] = {}
        self._spare: dict[ServerAddress, tuple[DirectoryConnection, ServerIdentity]] = {}

    def connect(self, naming_context: str) -> tuple[DirectoryConnection, ServerIdentity]:
        """A connection to a server that holds `naming_context`, the pinned one first.

        Raises FatalError if our password or rights are refused or no server holds it,
        RetriableError if none that might can be reached.
        """
        pinned = self._pinned.get(naming_context)
        failed: list[Exception] = []
        for address in sorted(self._addresses, key=lambda candidate: candidate != pinned):
            try:
                connection, identity = self._open(address)
            except BindRefusedError:
                raise
            except (RetriableError, FatalError) as error:
                failed.append(error)
                continue
            if identity.holds(naming_context):
                if pinned is not None and pinned != address:
                    log.warning("another domain controller", naming_context=naming_context, server=address.url)
                self._pinned[naming_context] = address
                _warn_of(failed)
                return connection, identity
            connection.close()
        if not failed:
            raise FatalError(f"none of {self._forest.servers} holds {naming_context}: add one of its servers")
        raise _together(failed)

    def naming_contexts(self) -> tuple[list[str], bool]:
        """The domains of the servers that answer, in the servers' order, and whether all did. Raises as `connect`."""
        found: dict[str, str] = {}
        failed: list[Exception] = []
        for address in self._addresses:
            try:
                connection, identity = self._open(address)
            except BindRefusedError:
                raise
            except (RetriableError, FatalError) as error:
                failed.append(error)
                continue
            name = identity.default_naming_context
            if found.setdefault(name.lower(), name) == name and address not in self._spare:
                self._spare[address] = connection, identity  # it is wanted again at once
            else:
                connection.close()
        if not found:
            raise _together(failed)
        _warn_of(failed)
        return list(found.values()), not failed

    def close(self) -> None:
        """Close the sessions that are not in use."""
        for connection, _ in self._spare.values():
            connection.close()
        self._spare.clear()

    def _open(self, address: ServerAddress) -> tuple[DirectoryConnection, ServerIdentity]:
        spare = self._spare.pop(address, None)
        if spare is not None:
            return spare
        connection = open_connection(address, self._forest)
        try:
            return connection, read_identity(connection)
        except BaseException:
            connection.close()
            raise


def address_of(url: str) -> ServerAddress:
    """The address in an ldap:// or ldaps:// URL (checked by the settings)."""
    parts = urlsplit(url)
    at_once = parts.scheme == "ldaps"
    return ServerAddress(url, parts.hostname or "", parts.port or (_LDAPS_PORT if at_once else _LDAP_PORT), at_once)


def _warn_of(failed: list[Exception]) -> None:
    for error in failed:
        log.warning("a domain controller cannot be used", error=str(error))


def _together(failed: list[Exception]) -> RetriableError | FatalError:
    """One error for all servers: retriable if any of them may come back."""
    message = "; ".join(str(error) for error in failed)
    waits = [error.retry_after_s for error in failed if isinstance(error, RetriableError)]
    if not waits:
        return FatalError(message)
    return RetriableError(message, retry_after_s=max((wait for wait in waits if wait is not None), default=None))
