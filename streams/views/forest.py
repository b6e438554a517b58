"""The forest view: can the computers of this forest find their tenant?

Key: forest/<tenant>/<dns name>. Contributor: "ad/<id>", the AD source's own fact about the service connection
point (SCP) below the configuration naming context. It is one per forest; devices read tenant id and name from it.

Source: Microsoft, "Configure Microsoft Entra hybrid join manually", service connection point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from streams.contracts.facts import FOREST_KEYWORDS, ObjectKind
from streams.contracts.finding import Subject
from streams.views.scope import Scope
from streams.views.state import ObjectState
from streams.views.view import Derived, Entry, latest, tenant_of

KIND = "forest"


@dataclass(frozen=True, slots=True)
class ForestView:
    """The SCP of one forest.

    keywords:    None: there is no SCP.
    tenant_ids, tenant_names: from azureADId: and azureADName:, in lower case; several is a fault of its own.
    expected:    forest.hybrid_join is set: computers look for an SCP.
    scp_changed: whenChanged of the SCP, RFC 3339.
    """

    key: str
    tenant: str
    name: str
    distinguished_name: str | None
    keywords: tuple[str, ...] | None
    tenant_ids: tuple[str, ...]
    tenant_names: tuple[str, ...]
    expected: bool
    scp_changed: str | None
    changed_ms: int

    @staticmethod
    def contested(entries: Mapping[str, Entry]) -> bool:
        """Always: a forest stands alone."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        body: Mapping[str, Any] = next((entry.body for _, entry in sorted(entries.items())), {})
        said = body.get("keywords")
        keywords = tuple(said) if isinstance(said, list) else None
        return cls(
            key=key,
            tenant=tenant_of(key),
            name=key.split("/", 2)[2],
            distinguished_name=body.get("distinguished_name"),
            keywords=keywords,
            tenant_ids=_keyword(keywords, "azureadid"),
            tenant_names=_keyword(keywords, "azureadname"),
            expected=bool(body.get("expected")),
            scp_changed=body.get("scp_changed"),
            changed_ms=latest(entries),
        )

    @property
    def read(self) -> bool:
        """Whether the source has looked at all."""
        return self.distinguished_name is not None

    def subject(self) -> Subject:
        """This forest as a finding's subject."""
        return Subject(kind=KIND, key=self.key, display_name=self.name, distinguished_name=self.distinguished_name)

    def derived(self) -> Iterable[Derived]:
        """Nothing: others need not know."""
        return ()


def forest_bodies(state: ObjectState, scope: Scope) -> dict[str, dict[str, Any]]:
    """What the AD source's word on its forest says to the forest view."""
    if state.kind is not ObjectKind.FOREST or not state.alive or state.forest is None:
        return {}
    body: dict[str, Any] = {"distinguished_name": state.text("distinguishedName")}
    if isinstance(state.attributes.get(FOREST_KEYWORDS), list):
        body["keywords"] = sorted(state.texts(FOREST_KEYWORDS))
    if state.text("whenChanged"):
        body["scp_changed"] = state.text("whenChanged")
    if scope.hybrid_join:
        body["expected"] = True
    return {f"{KIND}/{state.tenant}/{state.forest}": body}


def _keyword(keywords: Iterable[str] | None, name: str) -> tuple[str, ...]:
    """Values of `name:`; its spelling varies in Microsoft's own pages (azureADId, azureADid)."""
    pairs = (keyword.partition(":") for keyword in keywords or ())
    return tuple(value.strip().lower() for key, _, value in pairs if key.strip().lower() == name)
