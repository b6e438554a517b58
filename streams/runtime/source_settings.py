"""The tables of directories: Active Directory forests and Entra tenants."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from streams.contracts.flows import JOIN_ATTRIBUTES, attribute_fault, property_fault, spelled
from streams.runtime.place import checked_place, place_of, without_password
from streams.runtime.section import DistinguishedNames, FilePath, Seconds, Section, Texts, secret_of


class ScopeSettings(Section):
    """What of a forest is synchronised to one of its tenants, where that differs."""

    tenant: str
    include_ous: DistinguishedNames = Field(default=[])
    exclude_ous: DistinguishedNames = Field(default=[])
    scope_groups: DistinguishedNames | None = None
    default_filters: bool = True


class ForestSettings(Section):
    """One Active Directory forest: where it is, who reads it, what of it is in sync scope.

    tenants: those to which it is synchronised; tenant: of several the one that has what only one may have.
    scope_groups: None: nothing is said of groups; []: none decides who is synchronised.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
    tenant: str
    tenants: Texts = Field(default=[])
    scope: list[ScopeSettings] = Field(default=[])
    servers: Annotated[Texts, Field(min_length=1)]
    bind_user: str
    bind_password: SecretStr | None = None
    bind_password_file: FilePath | None = None
    ca_file: FilePath | None = None
    valid_names: Texts = Field(default=[])
    start_tls: bool = True
    naming_contexts: DistinguishedNames = Field(default=[])
    object_security: bool = False
    include_ous: DistinguishedNames = Field(default=[])
    exclude_ous: DistinguishedNames = Field(default=[])
    scope_groups: DistinguishedNames | None = None
    default_filters: bool = True
    cloud_sync_ous: DistinguishedNames = Field(default=[])
    hybrid_join: bool = False
    group_writeback: bool = False
    device_writeback: bool = False
    poll_interval_s: Seconds = 1.0
    reconcile_interval_s: Seconds = 86400.0
    forest_interval_s: Seconds = 300.0

    @model_validator(mode="after")
    def _consistent(self) -> ForestSettings:
        password = secret_of(self.bind_password, self.bind_password_file, "bind_password")
        if password is None:
            raise ValueError("bind_password or bind_password_file is missing")
        object.__setattr__(self, "bind_password", password)
        self._settle_tenants()
        for server in self.servers:
            scheme, _, rest = server.partition("://")
            try:
                plain = scheme.lower() in {"ldap", "ldaps"} and bool(place_of(f"https://{rest}"))
            except ValueError:
                plain = False
            if not plain:
                shown = without_password(server)
                raise ValueError(f"server {shown!r} is not an ldap:// or ldaps:// URL of a host and a port")
            if scheme.lower() == "ldap" and not self.start_tls:
                raise ValueError(f"server {server!r} would send the password in clear: use ldaps:// or start_tls")
        return self


    def _settle_tenants(self) -> None:
        tenants = self.tenants or [self.tenant]
        object.__setattr__(self, "tenants", tenants)
        if len(set(tenants)) != len(tenants):
            raise ValueError(f"tenants names one twice: {sorted(tenants)}")
        if self.tenant not in tenants:
            raise ValueError(
                f"tenants does not name {self.tenant!r}, the tenant that has what only one may have: hybrid join, "
                "seamless single sign-on, and the groups and devices that are written back"
            )
        scoped = [each.tenant for each in self.scope]
        if len(set(scoped)) != len(scoped) or not set(scoped) <= set(tenants):
            raise ValueError(f"[[forest.scope]] is for one of {sorted(tenants)} each, once; there is {sorted(scoped)}")


SCOPE_KEYS = {*ScopeSettings.model_fields, "cloud_sync_ous", "hybrid_join"} - {"tenant"}
"""Keys of a forest that decide what of it is synchronised, and how."""


class FlowSettings(Section):
    """A property of the tenant's objects that a rule of its own fills from another attribute ("": not compared).

    What is not read anyway is read from the next start on, once whole: see streams.contracts.flows.
    """

    property: str
    attribute: str

    @model_validator(mode="after")
    def _known(self) -> FlowSettings:
        fault = property_fault(self.property)
        if fault is not None:
            raise ValueError(f"property {self.property!r} {fault}")
        fault = attribute_fault(self.attribute) if self.attribute else None
        if self.property == "manager" and self.attribute:
            fault = "is no reference: manager is compared with AD's manager, or not at all"
        if fault is not None:
            raise ValueError(f'attribute {self.attribute!r} {fault}; "" where the property is not to be compared')
        object.__setattr__(self, "attribute", spelled(self.attribute))
        return self


class TenantSettings(Section):
    """One Microsoft Entra tenant and the application that reads it."""

    id: str
    authority: str = ""
    graph_url: str = "https://graph.microsoft.com"
    scope: str = ""
    client_id: str = ""
    client_secret: SecretStr | None = None
    client_secret_file: FilePath | None = None
    certificate_file: FilePath | None = None
    private_key_file: FilePath | None = None
    federated_token_file: FilePath | None = None
    managed_identity: bool = False
    ca_file: FilePath | None = None
    proxy: str = ""
    poll_interval_s: Seconds = 15.0
    sweep_interval_s: Seconds = 900.0
    deleted_interval_s: Seconds = 3600.0
    tenant_interval_s: Seconds = 300.0
    audit_interval_s: Seconds = 30.0
    audit_overlap_s: Seconds = 1800.0
    audit_lookback_s: Seconds = 86400.0
    sign_ins: bool = False
    sign_in_interval_s: Seconds = 300.0
    sync_applications: dict[str, str] = Field(default={})
    max_concurrency: Annotated[int, Field(ge=1, le=32)] = 4
    flow: list[FlowSettings] = Field(default=[])
    accept_orphans: bool = False
    users_joined_by: str = ""

    @property
    def flows(self) -> dict[str, str]:
        """Property -> attribute."""
        return {flow.property: flow.attribute for flow in self.flow}

    @model_validator(mode="after")
    def _consistent(self) -> TenantSettings:
        secret = secret_of(self.client_secret, self.client_secret_file, "client_secret")
        object.__setattr__(self, "client_secret", secret)
        if not self.authority:
            object.__setattr__(self, "authority", f"https://login.microsoftonline.com/{self.id}")
        if not self.scope:
            object.__setattr__(self, "scope", f"{self.graph_url.rstrip('/')}/.default")
        for name, url in (("authority", self.authority), ("graph_url", self.graph_url)):
            if checked_place(name, url).scheme != "https" or "?" in url:
                raise ValueError(f"{name} {without_password(url)!r} must be an https:// URL")
        if self.proxy and self.proxy != "environment":
            checked_place("proxy", self.proxy)
        if self.users_joined_by and self.users_joined_by not in JOIN_ATTRIBUTES:
            raise ValueError(
                f"users_joined_by {self.users_joined_by!r} is not read from Active Directory: one of "
                f"{', '.join(JOIN_ATTRIBUTES)}; \"\" where everybody is in one forest only"
            )
        ways = [secret, self.certificate_file, self.federated_token_file, self.managed_identity or None]
        if sum(way is not None for way in ways) != 1:
            raise ValueError(
                "exactly one of client_secret(_file), certificate_file, federated_token_file, managed_identity"
            )
        if self.certificate_file is not None and self.private_key_file is None:
            raise ValueError("certificate_file needs private_key_file")
        if not self.managed_identity and not self.client_id:
            raise ValueError("client_id is missing")
        if len(self.flows) != len(self.flow):
            raise ValueError("two [[tenant.flow]] tables name the same property")
        return self
