"""What the engine moves: objects as it reads them on either side, and the tenant's rules that apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["user", "group", "contact"]


@dataclass(frozen=True, slots=True)
class AdObject:
    """One object of a forest.

    attributes: AD spelling; objectSid as S-1-…, mS-DS-ConsistencyGuid as base64, numbers as int, flags as bool,
                multi-valued as list[str].
    members:    objectGUIDs of a group's direct members; manager: that of a user's.
    """

    guid: str
    kind: Kind
    forest: str
    distinguished_name: str
    attributes: Mapping[str, Any]
    members: tuple[str, ...] = ()
    manager: str | None = None

    def text(self, name: str) -> str | None:
        """The value of a single-valued attribute; None where it is absent or blank."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) and value else None

    def number(self, name: str) -> int:
        """The value of a numeric attribute, 0 where it is absent."""
        value = self.attributes.get(name)
        return value if isinstance(value, int) else 0

    def values(self, name: str) -> list[str]:
        """Every value of an attribute, a single one as a list of one."""
        value = self.attributes.get(name)
        if isinstance(value, str):
            return [value] if value else []
        return list(value) if isinstance(value, list | tuple) else []


@dataclass(slots=True)
class CloudObject:
    """One live object of the tenant, in Graph spelling."""

    id: str
    kind: Kind
    properties: dict[str, Any]

    def text(self, name: str) -> str | None:
        value = self.properties.get(name)
        return value if isinstance(value, str) and value else None

    @property
    def addresses(self) -> list[str]:
        return list(self.properties.get("proxyAddresses") or ())

    @property
    def is_synced(self) -> bool:
        """Whether the object is mastered on-premises (null: never was; false: was once)."""
        return self.properties.get("onPremisesSyncEnabled") is True


@dataclass(frozen=True, slots=True)
class TenantRules:
    """What of the tenant's configuration decides over an export.

    initial_domain: `contoso.onmicrosoft.com`; verified_domains in lower case, the initial one among them.
    features:       onPremisesSynchronization.features; privileged_ids: holders of a directory role.
    """

    initial_domain: str
    verified_domains: frozenset[str]
    features: Mapping[str, bool | None] = field(default_factory=dict)
    privileged_ids: frozenset[str] = frozenset()
    deletion_threshold: int | None = 500

    def has(self, feature: str, *, default: bool = False) -> bool:
        """Whether a feature is on; `default` where the tenant does not say."""
        value = self.features.get(feature)
        return default if value is None else value


def fold(address: str) -> str | None:
    """The form in which Entra compares an SMTP address: no prefix, lower case. None for another protocol.

    >>> fold("SMTP:Ada@Contoso.com"), fold("smtp:ada@contoso.com"), fold("X500:/o=x")
    ('ada@contoso.com', 'ada@contoso.com', None)
    """
    protocol, colon, rest = address.partition(":")
    if not colon:
        return address.lower()
    return rest.lower() if protocol.lower() == "smtp" else None


def primary_of(addresses: list[str] | tuple[str, ...]) -> str | None:
    """The primary SMTP address (`SMTP:` in upper case) without its prefix; None if there is none."""
    return next((address[5:] for address in addresses if address.startswith("SMTP:")), None)
