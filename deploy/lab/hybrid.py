"""The whole hybrid organisation in memory: forests, tenant and the sync engine between them; nobody listens yet."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy.lab.directory.accounts import Accounts
from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.joined import point_to, write_certificates
from deploy.lab.organisation import Layout, Organisation, populate
from deploy.lab.sync.active_directory import DirectoryForest
from deploy.lab.sync.devices import DeviceSync
from deploy.lab.sync.engine import SyncEngine
from deploy.lab.sync.passwords import PasswordHashSync
from deploy.lab.sync.scope import Scope
from deploy.lab.sync.tenant import Tenant
from deploy.lab.sync.writeback import LabTarget, PasswordWriteback

# What the pipeline may read; delegated stands for onPremisesSynchronization, which real Graph shows to people only.
GRAPH_ROLES = (
    "Application.Read.All", "AuditLog.Read.All", "Device.Read.All", "Directory.Read.All", "Domain.Read.All",
    "Group.Read.All", "GroupMember.Read.All",
    "OnPremDirectorySynchronization.Read.All", "OrgContact.Read.All", "Organization.Read.All",
    "RoleManagement.Read.Directory", "Synchronization.Read.All", "User.Read.All",
)  # fmt: skip


@dataclass(slots=True)
class ForestOfLab:
    """One forest: its store, where things are, and who may bind (the pipeline as `accounts.service`).

    hybrid_join: it has a service connection point, and its computers have joined.
    device_writeback: the tenant's devices are written into it.
    """

    store: DirectoryStore
    layout: Layout
    accounts: Accounts
    hybrid_join: bool = False
    device_writeback: bool = False

    @property
    def name(self) -> str:
        return self.store.domain

    @property
    def scope(self) -> Scope:
        """What the sync engine exports: the company's unit, not the service accounts beside it."""
        return Scope(include=[self.layout.company_ou])


@dataclass(slots=True)
class HybridOrganisation:
    """Everything of one lab organisation; the first forest is the large one."""

    forests: Sequence[ForestOfLab]
    tenant: TenantStore
    engine: SyncEngine
    devices: DeviceSync
    writeback: PasswordWriteback
    app: AppRegistration
    client_secret: str = field(repr=False)

    @property
    def objects(self) -> int:
        """How many objects there are on both sides."""
        return sum(len(forest.store) for forest in self.forests) + self.tenant.count()


def build(
    objects: int = 3000, *, seed: int = 20261123, on_step: Callable[[str], None] = lambda _: None
) -> HybridOrganisation:
    """Build contoso.com with a smaller fabrikam.com beside it, about `objects` AD objects in all, already in sync.

    Names and addresses depend on `seed` alone; passwords and secrets are random at every start.
    """
    main_people = max(100, round(objects * 0.7))
    forests = [
        _forest("corp.contoso.local", Organisation(main_people, "contoso.com", seed)),
        _forest("ad.fabrikam.local", Organisation(max(30, main_people // 20), "fabrikam.com", seed + 1, initials=True)),
    ]
    on_step(f"{sum(len(forest.store) for forest in forests):,} objects in {len(forests)} forests")
    # Its own GUID namespace: the same seed is the same tenant.
    tenant = TenantStore(str(uuid.uuid5(uuid.NAMESPACE_DNS, f"lab-{seed}.contoso.com")), "contoso.onmicrosoft.com")
    tenant.add_domain("contoso.com", default=True)
    tenant.add_domain("fabrikam.com")
    client_secret = secrets.token_urlsafe(24)
    app = AppRegistration(str(uuid.uuid4()), frozenset(GRAPH_ROLES), secrets={client_secret}, delegated=True)
    tenant.register_app(app)
    connector = Tenant(tenant)
    computers = [(forest.store, forest.layout.computers_ou) for forest in forests]
    devices = DeviceSync(computers, tenant, connector.audit)
    engine = SyncEngine(
        [DirectoryForest(forest.store) for forest in forests],
        connector,
        scopes={forest.name: forest.scope for forest in forests},
        seed=seed,
        devices=devices,
        passwords=PasswordHashSync([forest.store for forest in forests], tenant, connector.audit),
    )
    joined = forests[1]  # the small forest's rollout is done; the large one's is for stories to tell
    point_to(joined.store, tenant.tenant_id, joined.layout.domain)
    joined.hybrid_join = True
    computers_joined = write_certificates(joined.store, joined.layout.computers_ou)
    report = engine.cycle()
    for guid in computers_joined:
        devices.register(guid)
    on_step(f"{report.added:,} objects synchronised to {tenant.initial_domain}")
    writeback = PasswordWriteback(engine, LabTarget([forest.store for forest in forests]))
    return HybridOrganisation(forests, tenant, engine, devices, writeback, app, client_secret)


def _forest(domain: str, organisation: Organisation) -> ForestOfLab:
    store = DirectoryStore(domain, seed=organisation.seed)
    layout = populate(store, organisation)
    accounts = Accounts(
        administrator_password=secrets.token_urlsafe(18),
        service_password=secrets.token_urlsafe(18),
        reader_password=secrets.token_urlsafe(18),
    )
    accounts.install(store)
    return ForestOfLab(store, layout, accounts)
