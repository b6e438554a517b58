"""`synchealth lab` (also `python -m deploy.lab`): the lab alone, for your own installation to watch."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click

from deploy.lab.hybrid import build
from deploy.lab.services import services
from deploy.lab.settings_file import write_secret, write_settings
from deploy.lab.sync.clock import CYCLE_S
from deploy.lab.sync.report import CycleReport
from streams.runtime.logs import configure_logs


@click.command(context_settings={"show_default": True})
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("synchealth-lab"),
    help="Where the settings file, its secrets and the lab's certificates are written.",
)
@click.option("--kafka", default="127.0.0.1:9092", metavar="HOST:PORT", help="Kafka's address, for the settings file.")
@click.option("--objects", default=3000, help="Objects in Active Directory, about.")
@click.option("--seed", default=20261123, help="The same seed is the same organisation.")
@click.option("--speed", default=1.0, help="Lab seconds per second; 1: a sync cycle every 30 minutes.")
def lab(directory: Path, kafka: str, objects: int, seed: int, speed: float) -> None:
    """Run the lab alone: two forests over LDAPS, Microsoft Graph over HTTPS, a sync engine between them.

    Writes an ordinary settings file to point `synchealth up` at; everything listens on the loopback address.
    """
    configure_logs("warning")
    directory = directory.absolute()  # what the settings file names must not depend on where one stands
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    organisation = build(objects, seed=seed, on_step=click.echo)
    with services(organisation, directory / "tls", speed=speed, on_cycle=_on_cycle) as running:
        config = directory / "settings.toml"
        write_settings(
            running,
            config,
            kafka={"bootstrap_servers": [kafka]},
            streams={"data_dir": str(directory / "data")},
            detections={"sync_interval_s": CYCLE_S / speed},
        )
        for forest in organisation.forests:
            server = running.directories[forest.name]
            click.echo(f"{forest.name}: {server.ldaps_url}, {server.ldap_url} (StartTLS)")
            password = write_secret(directory, f"{forest.name}.administrator", forest.accounts.administrator_password)
            click.echo(f"    {forest.accounts.administrator}@{forest.name}, password in {password}")
        click.echo(f"{organisation.tenant.initial_domain}: {running.entra.url}, CA {running.certificates.ca_file}")
        click.echo(f"\nsynchealth up --config {config}\n\nCtrl-C ends the lab")
        stop.wait()


def _on_cycle(report: CycleReport) -> None:
    click.echo(
        f"sync cycle {report.number}: {report.status}; {report.added} added, {report.updated} updated, "
        f"{report.deleted} deleted, {len(report.quarantined)} quarantined, {len(report.errors)} refused"
    )


if __name__ == "__main__":
    lab.main(prog_name="python -m deploy.lab")
    sys.exit(0)
