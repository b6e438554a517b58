"""Run the lab's directory in the foreground: `python -m deploy.lab.directory --users 10000`."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from pathlib import Path

import click

from deploy.lab.certificates import issue
from deploy.lab.directory.accounts import Accounts
from deploy.lab.directory.seeding import seed_users
from deploy.lab.directory.server import DirectoryServer
from deploy.lab.directory.store import DirectoryStore
from streams.runtime.logs import configure_logs


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, help="LDAP port (StartTLS); 0 takes a free one.")
@click.option("--ldaps-port", default=0, help="LDAPS port; 0 takes a free one.")
@click.option("--domain", default="corp.contoso.local", show_default=True, help="DNS name of the domain.")
@click.option("--users", default=1000, show_default=True, help="How many users to create.")
@click.option("--groups", default=10, show_default=True, help="How many groups to create.")
@click.option("--seed", type=int, default=None, help="Makes GUIDs and SIDs reproducible.")
@click.option(
    "--tls-directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("lab-tls"),
    show_default=True,
    help="Where the CA file and the server's key and certificate live.",
)
def main(
    host: str, port: int, ldaps_port: int, domain: str, users: int, groups: int, seed: int | None, tls_directory: Path
) -> None:
    """An LDAP directory that behaves like Windows Active Directory, in memory, for rehearsals and tests."""
    configure_logs()
    store = DirectoryStore(domain, seed=seed)
    began = time.perf_counter()
    seed_users(store, users, groups)
    gc.freeze()  # what was loaded stays: the collector need not walk it again
    click.echo(f"{len(store)} objects in {time.perf_counter() - began:.1f} s")
    certificates = issue(tls_directory, [f"dc1.{domain}", "localhost", host])
    server = DirectoryServer(store, host, port, ldaps_port, certificates=certificates)
    asyncio.run(_serve(server, certificates.ca_file))


async def _serve(server: DirectoryServer, ca_file: Path) -> None:
    await server.start()
    click.echo(f"listening on {server.ldap_url} and {server.ldaps_url}")
    click.echo(f"CA file: {ca_file}   base DN: {server.store.base_dn}")
    accounts: Accounts = server.accounts
    click.echo(f"accounts: {accounts.administrator}, {accounts.service}, {accounts.reader} @{server.store.domain}")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    main()
