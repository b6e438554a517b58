"""From an LDAP write acknowledged by Samba to the changed number in /metrics, on Apache Kafka, at quiet load.

python -m tests.bench.latency [--changes 60]
Prints p50, p90, p99 and the slowest for opening and for resolving. Polls /metrics as fast as it answers, so the figure
includes half a scrape; needs root (Samba), Java and Maven.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import click

from deploy.broker import kafka
from tests.e2e.test_samba_to_metrics import DUPLICATE
from tests.support.graph_lab import certificates_in, graph_lab
from tests.support.installation import installation
from tests.support.samba import samba_dc


@click.command()
@click.option("--changes", default=60, show_default=True, help="How many conflicts to make and undo.")
@click.option("--poll", default=0.2, show_default=True, help="The source's poll of highestCommittedUSN, seconds.")
def main(changes: int, poll: float) -> None:
    """Measure."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        kafka() as broker,
        samba_dc() as dc,
        graph_lab(certificates_in(Path(scratch) / "tls")) as graph,
    ):
        dc.add_user("anna", proxyAddresses=["SMTP:anna@contoso.com"])
        bert = dc.add_user("bert", proxyAddresses=["SMTP:bert@contoso.com"])
        settings = graph.settings()
        forest = {
            "name": dc.realm, "tenant": settings.id, "servers": [dc.ldaps_url], "bind_user": dc.admin_user,
            "bind_password": dc.admin_password, "ca_file": str(dc.ca_file), "valid_names": [dc.host_name],
            "poll_interval_s": poll,
        }  # fmt: skip
        tenant = {
            "id": settings.id, "authority": settings.authority, "graph_url": settings.graph_url,
            "client_id": settings.client_id, "ca_file": str(settings.ca_file),
            "client_secret": settings.client_secret.get_secret_value(),  # type: ignore[union-attr]
        }  # fmt: skip
        sources = [("[[forest]]", forest), ("[[tenant]]", tenant)]
        with installation(Path(scratch) / "up", broker.bootstrap, sources) as up:
            up.wait(lambda: up.open_count(DUPLICATE) == 0, 90)
            opening, resolving = [], []
            for number in range(changes + 3):
                for series, addresses, count in (
                    (opening, ["SMTP:bert@contoso.com", "smtp:anna@contoso.com"], 1),
                    (resolving, ["SMTP:bert@contoso.com"], 0),
                ):
                    dc.modify(bert, {"proxyAddresses": addresses})
                    start = time.perf_counter()
                    up.wait(lambda count=count: up.open_count(DUPLICATE) == count, every_s=0.0)  # type: ignore[misc]
                    if number >= 3:  # the first ones warm up
                        series.append(time.perf_counter() - start)
            for name, series in (("opened", opening), ("resolved", resolving)):
                cuts = statistics.quantiles(series, n=100, method="inclusive")
                click.echo(
                    f"{name:9} n={len(series)} p50={cuts[49] * 1000:.0f} ms p90={cuts[89] * 1000:.0f} ms "
                    f"p99={cuts[98] * 1000:.0f} ms max={max(series) * 1000:.0f} ms"
                )
            click.echo(f"source poll {poll * 1000:.0f} ms; Samba commit -> finding in /metrics, Apache Kafka")


if __name__ == "__main__":
    main()
