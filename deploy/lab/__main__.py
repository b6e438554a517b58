"""`synchealth lab` (also `python -m deploy.lab`): the lab alone, for your own installation to watch."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click
from click.core import ParameterSource

from deploy.lab.control import obey, order
from deploy.lab.faults import NAMES, faults
from deploy.lab.hybrid import build
from deploy.lab.services import LabServices, services
from deploy.lab.settings_file import write_secret, write_settings
from deploy.lab.sync.clock import CYCLE_S
from deploy.lab.sync.report import CycleReport
from streams.runtime.logs import configure_logs

_CONTROL = "control"
_PATIENCE_S = 15.0
_REFUSED = "it cannot be done"


_directory = click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("synchealth-lab"),
    help="Where the settings file, its secrets and the lab's certificates are written.",
)


@click.group(context_settings={"show_default": True}, invoke_without_command=True)
@_directory
@click.option("--kafka", default="127.0.0.1:9092", metavar="HOST:PORT", help="Kafka's address, for the settings file.")
@click.option("--objects", default=3000, help="Objects in Active Directory, about.")
@click.option("--seed", default=20261123, help="The same seed is the same organisation.")
@click.option("--speed", default=1.0, help="Lab seconds per second; 1: a sync cycle every 30 minutes.")
@click.pass_context
def lab(context: click.Context, directory: Path, kafka: str, objects: int, seed: int, speed: float) -> None:
    """Run the lab alone: two forests over LDAPS, Microsoft Graph over HTTPS, a sync engine between them.

    Writes an ordinary settings file to point `synchealth up` at; everything listens on the loopback address.
    """
    if context.invoked_subcommand is not None:
        context.obj = directory
        return
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
        click.echo(f"\nsynchealth up --config {config}")
        click.echo(f"synchealth lab break duplicate --directory {directory}     (--list shows what else can be broken)")
        click.echo("\nCtrl-C ends the lab")
        obey(directory / _CONTROL, _performer(running), stop)


@lab.command(name="break")
@click.argument("name", metavar="[NAME]", type=click.Choice(NAMES), required=False)
@click.option("--list", "as_list", is_flag=True, help="What can be broken.")
@_directory
@click.pass_context
def break_(context: click.Context, name: str | None, as_list: bool, directory: Path) -> None:
    """Break something in the running lab, by its name."""
    if as_list or name is None:
        click.echo(_ordered(context, directory, "list"))
        return
    click.echo(_ordered(context, directory, f"break {name}"))


@lab.command(name="repair")
@click.argument("name", metavar="NAME", type=click.Choice(NAMES))
@_directory
@click.pass_context
def repair(context: click.Context, name: str, directory: Path) -> None:
    """Repair in the running lab what `lab break` has broken."""
    click.echo(_ordered(context, directory, f"repair {name}"))


def _ordered(context: click.Context, directory: Path, text: str) -> str:
    source = context.get_parameter_source("directory")
    folder = (context.obj if source is ParameterSource.DEFAULT and context.obj else directory) / _CONTROL
    answer = order(folder, text)
    if answer is not None and answer.startswith(_REFUSED):
        raise click.ClickException(answer)
    if answer is None:
        raise click.ClickException(
            f"no lab answers in {folder.parent.absolute()}: start `synchealth lab`, or --directory"
        )
    return answer


def _performer(running: LabServices) -> Callable[[str], str]:
    """Performs orders in the lab's own event loop, as everything that touches its stores."""
    known = faults(running.organisation)

    async def perform(text: str) -> str:
        verb, _, name = text.partition(" ")
        if verb == "list":
            return "\n".join(f"{each:<26} {fault.told}  → {fault.opens}" for each, fault in known.items())
        fault = known[name]
        if verb == "break":
            fault.break_()
            return f"{fault.told}; {fault.opens} must open. Repair it: synchealth lab repair {name}"
        fault.repair()
        return f"repaired; {fault.opens} must resolve"

    def performed(text: str) -> str:
        try:
            return running.run(perform(text)).result(_PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - a second break of the same thing must not end the lab
            return f"{_REFUSED}: {error}"

    return performed


def _on_cycle(report: CycleReport) -> None:
    click.echo(
        f"sync cycle {report.number}: {report.status}; {report.added} added, {report.updated} updated, "
        f"{report.deleted} deleted, {len(report.quarantined)} quarantined, {len(report.errors)} refused"
    )


if __name__ == "__main__":
    lab.main(prog_name="python -m deploy.lab")
    sys.exit(0)
