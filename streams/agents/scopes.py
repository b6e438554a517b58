"""What of each forest is synchronised to which tenant, and what is written back, as the settings say."""

from __future__ import annotations

from streams.directory.scope import Scope, scope_name
from streams.runtime.settings import Settings


def scope_groups_of(settings: Settings, tenant: str) -> dict[str, tuple[str, ...] | None]:
    """Forest of the tenant -> DNs of the groups that decide who is synchronised; None: nothing is said of groups."""
    found: dict[str, tuple[str, ...] | None] = {}
    for forest in (each for each in settings.forest if tenant in each.tenants):
        own = next((each.scope_groups for each in forest.scope if each.tenant == tenant), forest.scope_groups)
        found[forest.name] = None if own is None else tuple(own)
    return found


def scopes_of(settings: Settings) -> dict[str, Scope]:
    """Scope name (streams.directory.scope.scope_of) -> scope, of every forest and tenant of the settings."""
    joined_by = {tenant.id: tenant.users_joined_by for tenant in settings.tenant}
    forests: dict[str, Scope] = {}
    for forest in settings.forest:
        own = {each.tenant: each for each in forest.scope}
        for tenant in forest.tenants:
            home, options = tenant == forest.tenant, own.get(tenant, forest)
            forests[forest.name if home else f"{forest.name}/{tenant}"] = Scope(
                include_ous=options.include_ous,
                exclude_ous=options.exclude_ous,
                default_filters=options.default_filters,
                hybrid_join=forest.hybrid_join and home,
                home=home,
                users_joined_by=joined_by.get(tenant, ""),
                cloud_sync_ous=forest.cloud_sync_ous,
                scope_groups=options.scope_groups or (),
            )
    # What is written back is told by objects of the cloud, which belong to a tenant and to no forest.
    tenants = {
        scope_name(tenant, None): Scope(
            group_writeback=any(forest.group_writeback for forest in settings.forest if forest.tenant == tenant),
            device_writeback=any(forest.device_writeback for forest in settings.forest if forest.tenant == tenant),
            users_joined_by=joined_by.get(tenant, ""),
        )
        for tenant in {tenant for forest in settings.forest for tenant in forest.tenants}
    }
    return forests | tenants
