"""`python -m deploy.lab.entra`: the lab's Entra ID in the foreground, filled with made-up objects."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import signal
import uuid
from pathlib import Path
from typing import Final

import click

from deploy.lab.certificates import issue
from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.generate import fill
from deploy.lab.entra.server import EntraServer
from deploy.lab.entra.tenant import TenantStore

READER_ROLES: Final = frozenset(
    {
        "AuditLog.Read.All",
        "Device.Read.All",
        "Directory.Read.All",
        "Domain.Read.All",
        "Group.Read.All",
        "GroupMember.Read.All",
        "OnPremDirectorySynchronization.Read.All",
        "OrgContact.Read.All",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
        "Synchronization.Read.All",
        "User.Read.All",
    }
)


@click.command(context_settings={"show_default": True})
@click.option("--objects", default=1000, help="How many directory objects to make up.")
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", default=0, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".lab"),
    help="Where the lab's certificates live.",
)
@click.option("--seed", default=1, help="Seed of the made-up objects.")
@click.option("--throttling-scale", type=float, default=None, help="Apply Graph's limits, times this.")
@click.option("--admin/--no-admin", default=False, help="Mount /lab/admin/ with a fresh secret.")
def main(
    objects: int,
    host: str,
    port: int,
    directory: Path,
    seed: int,
    throttling_scale: float | None,
    admin: bool,
) -> None:
    """Serve a lab tenant of Microsoft Entra ID until interrupted.

    Prints what a client needs: authority, Graph address, CA file, client id and secret. They are
    made up at each start and worth nothing anywhere else.
    """
    tenant = TenantStore(str(uuid.uuid4()))
    app = AppRegistration(str(uuid.uuid4()), READER_ROLES, secrets={secrets.token_urlsafe(24)})
    tenant.register_app(app)
    gc.disable()  # nothing that is made now is garbage,
    fill(tenant, objects, seed=seed)
    gc.freeze()  # nor is it worth looking through later
    gc.enable()
    certificates = issue(directory, list(dict.fromkeys(["localhost", "127.0.0.1", host])))
    admin_secret = secrets.token_urlsafe(24) if admin else None
    server = EntraServer(
        [tenant], host, port, certificates, throttling_scale=throttling_scale, admin_secret=admin_secret
    )
    asyncio.run(_serve(server, tenant, app, certificates.ca_file, admin_secret))


async def _serve(
    server: EntraServer, tenant: TenantStore, app: AppRegistration, ca_file: Path, admin_secret: str | None
) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with server:
        click.echo(f"authority      {server.authority(tenant)}")
        click.echo(f"graph_url      {server.url}")
        click.echo(f"ca_file        {ca_file}")
        click.echo(f"client_id      {app.client_id}")
        click.echo(f"client_secret  {next(iter(app.secrets))}")
        if admin_secret:
            click.echo(f"admin          {server.url}/lab/admin/  X-Lab-Admin: {admin_secret}")
        click.echo(f"objects        {tenant.count()}; stop with Ctrl-C")
        await stopped.wait()


if __name__ == "__main__":
    main()
