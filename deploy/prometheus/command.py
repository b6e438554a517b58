"""`synchealth prometheus-config`: what Prometheus and the Alertmanager need to know of this installation."""

from __future__ import annotations

import os
from pathlib import Path

import click

from deploy.alertmanager.build import text as alertmanager_text
from deploy.alertmanager.configuration import Webhooks
from deploy.cli.terminal import config_option
from deploy.prometheus.alert_rule import Links
from deploy.prometheus.build import RECORDING, recording_file, rule_files
from deploy.prometheus.dashboards import dashboards
from deploy.prometheus.installation import configuration
from grafana.links import DESK_URL
from streams.runtime.settings import Settings, load_settings
from streams.runtime.settings_path import find_settings


@click.command(name="prometheus-config")
@config_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("synchealth-prometheus"),
    show_default=True,
    help="The folder that is written: prometheus.yml, rules/, alertmanager.yml, dashboards/.",
)
@click.option("--host", metavar="NAME", help="Where Prometheus finds the processes, if not at [metrics] host.")
@click.option("--runbook-base-url", metavar="URL", help="Instead of [prometheus] runbook_base_url.")
def prometheus_config(config: Path | None, output: Path, host: str | None, runbook_base_url: str | None) -> None:
    """Write scrape configuration, rules, Alertmanager configuration and dashboards for this installation.

    Each process that `synchealth up` starts is scraped. Write them again after sources or workers were added;
    `synchealth check` says whether Prometheus knows all of them.
    """
    settings = load_settings(find_settings(config))
    links = _links(settings, runbook_base_url)
    files = {
        "prometheus.yml": configuration(settings, host),
        "alertmanager.yml": alertmanager_text(_webhooks(settings)),
        **{f"rules/{name}": text for name, text in rule_files(links).items()},
        f"rules/{RECORDING}": recording_file(),
        **{f"dashboards/{name}": text for name, text in dashboards(settings.desk.address or DESK_URL).items()},
    }
    try:
        for name, text in files.items():
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            _write(output / name, text)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    click.echo("\n".join(f"{output / name}" for name in files))
    if not settings.prometheus.page_webhook:
        click.echo("[prometheus] page_webhook is not set: the receiver `page` reaches nobody", err=True)
    if not settings.prometheus.watchdog_webhook:
        click.echo("[prometheus] watchdog_webhook is not set: nobody hears when alerts stop coming", err=True)
    if not links.runbook_base_url:
        click.echo("[prometheus] runbook_base_url is not set: alerts name paths, and `synchealth runbook`", err=True)


def _write(file: Path, text: str) -> None:
    """Whoever knows a webhook may post to it: the Alertmanager's is at no time everybody's to read."""
    if file.name != "alertmanager.yml":
        file.write_text(text)
        return
    with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o640), "w") as out:  # noqa: PTH123 - Path takes no mode
        os.fchmod(out.fileno(), 0o640)
        out.truncate()
        out.write(text)


def _links(settings: Settings, runbook_base_url: str | None) -> Links:
    base = settings.prometheus.runbook_base_url if runbook_base_url is None else runbook_base_url
    return Links(runbook_base_url=f"{base.rstrip('/')}/" if base else "", grafana_url=settings.prometheus.grafana_url)


def _webhooks(settings: Settings) -> Webhooks:
    found = settings.prometheus
    return Webhooks(
        page=found.page_webhook,
        urgent=found.urgent_webhook,
        ticket=found.ticket_webhook,
        digest=found.digest_webhook,
        watchdog=found.watchdog_webhook,
    )
