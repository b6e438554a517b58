"""A small hybrid world: one forest, one tenant, the engine between them."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.sync.active_directory import DirectoryForest
from deploy.lab.sync.engine import SyncEngine
from deploy.lab.sync.passwords import PasswordHashSync
from deploy.lab.sync.scope import Scope
from deploy.lab.sync.tenant import Tenant
from streams.contracts.identity import immutable_id_of_guid

INITIAL = "contoso.onmicrosoft.com"
VERIFIED = "contoso.com"


class World:
    """Shorthand for what the tests do on both sides."""

    def __init__(self) -> None:
        self.ad = DirectoryStore("corp.contoso.local", unique_upns=False, seed=7)
        self.staff = f"OU=Staff,{self.ad.base_dn}"
        self.hidden = f"OU=Hidden,{self.ad.base_dn}"
        for unit in (self.staff, self.hidden):
            self.ad.add(unit, {"objectClass": "organizationalUnit"})
        self.cloud = TenantStore("3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60", INITIAL)
        self.cloud.add_domain(VERIFIED, default=True)
        connector = Tenant(self.cloud)
        self.passwords = PasswordHashSync([self.ad], self.cloud, connector.audit)
        self.engine = SyncEngine(
            [DirectoryForest(self.ad)],
            connector,
            scopes={self.ad.domain: Scope(exclude=[self.hidden])},
            passwords=self.passwords,
        )

    def user(self, account: str, ou: str | None = None, **attributes: Any) -> str:
        """Add a user with a UPN in the verified domain; return its objectGUID."""
        given: dict[str, Any] = {
            "objectClass": "user",
            "sAMAccountName": account,
            "userPrincipalName": f"{account}@{VERIFIED}",
            "displayName": account.title(),
            "userAccountControl": 512,
            **attributes,
        }
        given = {name: value for name, value in given.items() if value is not None}
        return str(self.ad.add(f"CN={account},{ou or self.staff}", given))

    def group(self, account: str, *addresses: str, members: tuple[str, ...] = ()) -> str:
        return str(
            self.ad.add(
                f"CN={account},{self.staff}",
                {
                    "objectClass": "group",
                    "sAMAccountName": account,
                    "displayName": account,
                    "groupType": -2147483646,
                    "proxyAddresses": list(addresses),
                    "member": [self.ad.find_account(member).guid for member in members],  # type: ignore[union-attr]
                },
            )
        )

    def contact(self, name: str, mail: str) -> str:
        return str(
            self.ad.add(f"CN={name},{self.staff}", {"objectClass": "contact", "displayName": name, "mail": mail})
        )

    def cloud_user(self, upn: str, **properties: Any) -> str:
        return self.cloud.upsert("user", None, {"userPrincipalName": upn, "displayName": upn, **properties})

    def synced(self, guid: str) -> dict[str, Any]:
        """The cloud object that an AD object became."""
        link = self.engine.space.get(guid)
        assert link is not None and link.cloud_id is not None, "it was never exported"
        found = self.cloud.get(link.kind, link.cloud_id)
        assert found is not None, "its cloud object is gone"
        return found

    def audits(self, activity: str | None = None) -> list[dict[str, Any]]:
        """The rows of the audit log, oldest first; those of one activity if it is named."""
        rows = [row.item() for row in self.cloud.logs["directoryAudits"].oldest_first()]
        return [row for row in rows if activity is None or row["activityDisplayName"] == activity]

    def dn(self, guid: str) -> str:
        return self.ad.get(f"<GUID={guid}>").dn

    def anchor(self, guid: str) -> str:
        return immutable_id_of_guid(guid)


@pytest.fixture
def world() -> World:
    return World()
