"""What a forest says of itself beside its objects: the service connection point of hybrid join.

It stands in the configuration naming context, which holds thousands of objects of no interest here, so one object
is looked at now and then instead of following that context's log.
Source: Microsoft, "Configure Microsoft Entra hybrid join manually", service connection point.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress

from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.ldap.refusals import BindRefusedError
from producers.ad.mapping import rfc3339_of_generalized_time
from producers.ad.servers import Servers
from streams.contracts.errors import SyncHealthError
from streams.contracts.facts import FOREST_KEYWORDS, Fact, ObjectKind, Operation
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger

SCP = "CN=62a0ff2e-97b9-4513-943f-0d221bd30080,CN=Device Registration Configuration,CN=Services"

log = get_logger(__name__)


class ForestWatch:
    """Looks at the service connection point every `interval_s` and emits what changed, and at first everything."""

    def __init__(self, forest: str, servers: Servers, sequence: HybridClock, interval_s: float) -> None:
        self._forest = forest
        self._servers = servers
        self._sequence = sequence
        self._interval_s = interval_s
        self._due_at = 0.0
        self._published: dict[str, object] | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() >= self._due_at

    def read(self, naming_context: str) -> list[Fact]:
        """A complete statement about the forest if it differs from the last one; `naming_context`: any of its.

        Nothing where the server does not answer: its naming contexts report that.
        """
        self._due_at = time.monotonic() + self._interval_s
        try:
            connection, identity = self._servers.connect(naming_context)
            try:
                found = _look(connection, identity.configuration_naming_context)
            finally:
                connection.close()
        except BindRefusedError:
            raise  # every further attempt brings a lock-out nearer
        except SyncHealthError as error:
            log.warning("the service connection point cannot be read", forest=self._forest, error=str(error))
            return []
        if found == self._published:
            return []
        self._published = found
        return [
            Fact(
                op=Operation.READ,
                object_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"forest.{self._forest}")),
                seq=self._sequence.next(),
                ts_ms=now_ms(),
                kind=ObjectKind.FOREST,
                attributes=found,
                full=True,
            )
        ]


def _look(connection: DirectoryConnection, configuration: str) -> dict[str, object]:
    """The forest's attributes; without FOREST_KEYWORDS where there is no service connection point."""
    found: dict[str, object] = {"distinguishedName": configuration}
    entries = connection.read(f"{SCP},{configuration}", attributes=["keywords", "whenChanged"])
    if entries:
        attributes = entries[0].attributes
        found[FOREST_KEYWORDS] = sorted(value.decode("utf-8", "replace") for value in attributes.get("keywords", ()))
        if attributes.get("whenChanged"):
            with suppress(ValueError):  # what is no time is unknown
                found["whenChanged"] = rfc3339_of_generalized_time(attributes["whenChanged"][0].decode())
    return found
