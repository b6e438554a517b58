"""Who may see and do what at the desk."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, model_validator

from streams.runtime.section import DistinguishedNames, Section, Texts


class AccessScopeSettings(Section):
    """Whoever has one of `groups` sees and does only this; an empty list: any. units: with all that is below them."""

    groups: Annotated[Texts, Field(min_length=1)]
    tenants: Texts = Field(default=[])
    forests: Texts = Field(default=[])
    units: DistinguishedNames = Field(default=[])


class AccessSettings(Section):
    """How people are known to the desk, and what they may do.

    names: under which the desk answers. proxies: addresses of those that have signed people in and tell us in headers;
    whoever else sends these is not believed. tokens: whether machines may come with theirs (`synchealth desk token
    create`). viewers, operators, administrators: the groups of each role. Where there are scopes, who has none of their
    groups sees nothing; administrators see everything.
    """

    names: Texts = Field(default=[])
    viewers: Texts = Field(default=["SyncHealth.Viewer"])
    operators: Texts = Field(default=["SyncHealth.Operator"])
    administrators: Texts = Field(default=["SyncHealth.Administrator"])
    scope: list[AccessScopeSettings] = Field(default=[])
    proxies: Texts = Field(default=[])
    proxy_user_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "X-Forwarded-User"
    proxy_groups_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "X-Forwarded-Groups"
    tokens: bool = False
    requests_a_minute: Annotated[int, Field(ge=10)] = 600

    @model_validator(mode="after")
    def _addresses(self) -> AccessSettings:
        for each in self.proxies:
            try:
                ipaddress.ip_address(each)
            except ValueError:
                raise ValueError(f"proxies: {each!r} is no address of a machine, as in 192.0.2.10") from None
        return self

    @property
    def is_required(self) -> bool:
        """Whether everybody must be known; else only this machine is listened to, and whoever is on it may do all."""
        return bool(self.proxies or self.tokens)
