"""`python -m deploy.broker kafka|tansu`: a broker in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click

from deploy.broker import BrokerError, kafka, tansu


@click.command()
@click.argument("kind", type=click.Choice(["kafka", "tansu"]))
@click.option("--port", default=9092, show_default=True, help="Port on 127.0.0.1; 0 = any free one.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep Kafka's data here (default: temporary).")
def main(kind: str, port: int, data_dir: Path | None) -> None:
    """Run a broker of the given KIND in the foreground."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    if kind == "tansu" and data_dir:
        raise click.ClickException("Tansu keeps everything in memory; --data-dir is for kafka")
    try:
        with kafka(data_dir, port) if kind == "kafka" else tansu(port) as broker:
            click.echo(f"{kind} answers on {broker.bootstrap} (pid {broker.pid})")
            stop.wait()
    except BrokerError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
