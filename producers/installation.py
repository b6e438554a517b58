"""Whose topics these are: a second installation that has the same name, and other directories, is refused.

The name is part of every topic (streams.contracts.topics). Who it belongs to stands in one record of the checkpoint
topic: the tenants and forests of its configuration. An installation may grow and shrink; one that shares none, or that
lacks some and has others, is another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import msgspec

from producers.checkpoint import CheckpointLog
from producers.publisher import KafkaPublisher
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import convert, decode
from streams.contracts.errors import InvalidRecordError, SettingsError
from streams.contracts.topics import CHECKPOINTS
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import Settings

INSTALLATION = "installation"
"""The record's key."""

_Name = Annotated[str, msgspec.Meta(max_length=1000)]

log = get_logger(__name__)


class _Stored(msgspec.Struct):
    tenants: list[_Name]
    forests: list[_Name]


@dataclass(frozen=True, slots=True)
class Identity:
    """The directories of an installation."""

    name: str
    tenants: frozenset[str]
    forests: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Identity:
        """Of this configuration."""
        tenants = {each.id for each in settings.tenant}
        tenants |= {tenant for each in settings.forest for tenant in each.tenants}
        tenants |= {each.tenant for each in settings.eventlog}
        return cls(settings.installation.name, frozenset(tenants), frozenset(each.name for each in settings.forest))

    def record(self) -> Checkpoint:
        """The record of the checkpoint topic that names this installation's directories."""
        position = {"tenants": sorted(self.tenants), "forests": sorted(self.forests)}
        return Checkpoint(source=INSTALLATION, seq=0, ts_ms=now_ms(), position=position)

    def is_news(self, value: bytes | None) -> bool:
        """Whether the record that stands (None: none) has to be written anew: there is none, or we have grown.

        Raises SettingsError where it is another installation's. What cannot be read says nothing.
        """
        mine = self._directories
        if not mine:
            return False  # a worker may do without: its topics alone say whose it is
        try:
            said = convert(decode(value, Checkpoint).position, _Stored)
        except InvalidRecordError as error:
            if value is not None:
                log.warning("whose the topics are cannot be read", why=str(error))
            return True
        theirs = Identity(self.name, frozenset(said.tenants), frozenset(said.forests))
        if not theirs._directories or mine >= theirs._directories:
            return mine != theirs._directories
        if mine < theirs._directories:
            return False
        fault = (
            f"installation.name: the topics {self.name}.… are those of an installation of {theirs}; this configuration "
            f"is of {self}. Two installations on one Kafka need two names: set [installation] name here, then "
            "`synchealth topics create`. If it is the same one, whose directories were exchanged: "
            "`synchealth topics adopt`"
        )
        raise SettingsError([fault])

    @property
    def _directories(self) -> frozenset[tuple[str, str]]:
        return frozenset({("tenant", each) for each in self.tenants} | {("forest", each) for each in self.forests})

    def __str__(self) -> str:
        parts = [("tenant", self.tenants), ("forest", self.forests)]
        return " and ".join(f"{what} {_listed(names)}" for what, names in parts if names) or "no directory"


def require_ours(settings: Settings) -> None:
    """Return if the topics belong to this installation, or to none yet. Raises SettingsError, RetriableError."""
    identity, value = Identity.of(settings), None
    reader = CheckpointLog(settings.kafka, "installation")
    try:
        for said in reader.read_to_end():
            value = said.value if said.key == INSTALLATION else value
    finally:
        reader.close()
    identity.is_news(value)


def adopt(settings: Settings) -> Identity:
    """Say that the topics are this installation's, whoever had them. Raises RetriableError."""
    identity, publisher = Identity.of(settings), KafkaPublisher(settings.kafka, f"{CHECKPOINTS.name}-adopt")
    try:
        publisher.publish_checkpoints([identity.record()])
        publisher.flush()
    finally:
        publisher.close()
    return identity


def _listed(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
