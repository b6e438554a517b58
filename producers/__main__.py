"""`python -m producers SOURCE…`: parse, build, run. SOURCE is ad:FOREST, graph:TENANT or eventlog:NAME."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from producers import metrics
from producers.installation import Identity
from producers.ledger import KafkaLedger
from producers.publisher import KafkaPublisher
from producers.runner import Runner
from producers.source import Source
from streams.contracts.errors import SettingsError, SyncHealthError
from streams.runtime import service
from streams.runtime.logs import configure_process, get_logger
from streams.runtime.printable import printable_lines
from streams.runtime.settings import Settings, load_settings, require_secrets
from streams.runtime.settings_files import require_files

log = get_logger("producers")


def build_source(name: str, settings: Settings) -> Source:
    """The source that `name` (one of `settings.sources`) means. Raises SettingsError for an unknown one."""
    kind, _, wanted = name.partition(":")
    if kind == "ad":
        from producers.ad.source import ActiveDirectorySource

        for forest in settings.forest:
            if forest.name == wanted:
                return ActiveDirectorySource(forest, settings.added_attributes(forest), settings.scope_word(forest))
    elif kind == "graph":
        from producers.graph.source import GraphSource

        for tenant in settings.tenant:
            if tenant.id == wanted:
                return GraphSource(tenant)
    elif kind == "eventlog":
        from producers.eventlog.source import EventLogSource

        for log_settings in settings.eventlog:
            if log_settings.name == wanted:
                own = next((each.sync_applications for each in settings.tenant if each.id == log_settings.tenant), {})
                return EventLogSource(log_settings, settings.kafka, applications=own)
    raise _unknown(name, settings)


def _unknown(name: str, settings: Settings) -> SettingsError:
    known = ", ".join(settings.sources) or "none"
    return SettingsError([f"no source {name!r} in the configuration; there are: {known}"])


def run_sources(names: Sequence[str], settings: Settings, stop: threading.Event) -> None:
    """Run each source in a thread of its own until `stop` is set or one of them fails for good.

    Raises the first such failure, after every other source has been stopped.
    """
    sources = [build_source(name, settings) for name in names]
    # A process of several sources listens where the first of them would; and before Kafka answers.
    port = settings.metrics_ports[names[0]] if names else settings.producers.metrics_port
    listened = [source.origin.name for source in sources]
    listener = metrics.serve(settings, port, listened)
    log.info("producers start", sources=list(names), metrics=listener.url)
    runners, identity = [], Identity.of(settings)
    for name, source in zip(names, sources, strict=True):
        publisher = KafkaPublisher(
            settings.kafka,
            f"synchealth-{name}",
            chunk_facts=settings.producers.chunk_facts,
            keep_documents=settings.dead_letters.keep_documents,
        )
        runners.append(Runner(source, publisher, KafkaLedger(settings.kafka, source.origin.name, identity)))
    failures: list[BaseException] = []

    def run(runner: Runner) -> None:
        try:
            runner.run()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failures.append(error)
        finally:
            stop.set()

    threads = [threading.Thread(target=run, args=[each], name=name) for each, name in zip(runners, names, strict=True)]
    for thread in threads:
        thread.start()
    service.started(lambda: metrics.stuck(listened))
    stop.wait()
    for runner in runners:
        runner.stop()
    for thread in threads:
        thread.join()
    listener.close()
    if failures:
        raise failures[0]


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--config", "file", type=click.Path(path_type=Path), help="The TOML configuration.")
def main(sources: tuple[str, ...], file: Path | None) -> None:
    """Read each SOURCE (ad:FOREST, graph:TENANT or eventlog:NAME; "all" for every one) and send it to Kafka."""
    try:
        start(sources, file)
    except SyncHealthError as error:
        click.echo(f"{type(error).__name__}: {printable_lines(str(error))}", err=True)
        sys.exit(1)


def start(sources: Sequence[str], file: Path | None) -> None:
    """Run these sources ("all" for every one) until a signal ends them.

    Raises SettingsError, FatalError; whatever else is a fault of ours.
    """
    stop = service.stop_signal()
    settings = load_settings(file)
    configure_process(settings.log.level, json=settings.log.json_lines)
    names = settings.sources if tuple(sources) == ("all",) else list(sources)
    require_secrets(settings, names)
    require_files(settings, names)
    for name in names:
        if name not in settings.sources:
            raise _unknown(name, settings)
    run_sources(names, settings, stop)


if __name__ == "__main__":
    main()
