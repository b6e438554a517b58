"""Applications that may ask for tokens: what they prove themselves with, and what they may read."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """A foreign issuer whose tokens stand for the application (workload identity)."""

    issuer: str
    subject: str
    public_key: str
    audience: str = "api://AzureADTokenExchange"


@dataclass(slots=True)
class AppRegistration:
    """One application of a tenant.

    `roles` are application permissions of Microsoft Graph, such as `User.Read.All`.
    `certificates` are PEM certificates whose keys may sign client assertions.
    `delegated` lets the application call what real Graph offers to signed-in users only
    (`/directory/onPremisesSynchronization`).
    """

    client_id: str
    roles: frozenset[str]
    secrets: set[str] = field(default_factory=set, repr=False)
    expired_secrets: set[str] = field(default_factory=set, repr=False)
    certificates: list[str] = field(default_factory=list, repr=False)
    federated: list[FederatedCredential] = field(default_factory=list, repr=False)
    display_name: str = "SyncHealth"
    service_principal_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    delegated: bool = False
    token_lifetime_s: int | None = None
