"""What the engine needs of a forest: a full import, a delta import, and one write-back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from deploy.lab.sync.objects import AdObject


@dataclass(frozen=True, slots=True)
class Import:
    """What one import brought: present objects, and the objectGUIDs of those that are gone."""

    present: Iterable[AdObject] = ()
    gone: Iterable[str] = ()


class Forest(Protocol):
    """One forest as the engine's AD connector sees it."""

    name: str

    def import_all(self) -> Import:
        """Every user, group and contact; `gone` is empty: what is absent is gone."""

    def import_changes(self) -> Import:
        """What changed since the last import of either kind."""

    def write_anchor(self, guid: str, anchor: str) -> None:
        """Write mS-DS-ConsistencyGuid (base64) of a user, as the connector account does before the first export."""
