"""`synchealth`: the command line. Commands are imported when they are called: the start stays quick."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from streams.contracts.errors import SettingsError, SyncHealthError

if TYPE_CHECKING:
    from streams.runtime.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
EXIT_FAILED, EXIT_SETTINGS = 1, 2

class _Elsewhere(NamedTuple):
    """A command that lives in a module of its own. place: "module:attribute"; help: its line in the list of commands,
    which imports no module.
    """

    place: str
    help: str


_ACTIONS = "deploy.cli.desk.action_commands"
_ELSEWHERE = {
    "demo": _Elsewhere(
        "deploy.lab.demo:demo",
        "A hybrid organisation in a box: watch conflicts arise, be found and be repaired.",
    ),
    "check": _Elsewhere(
        "deploy.cli.check:check",
        "Before the first start: is everything reachable, and may we read it?",
    ),
    "lab": _Elsewhere("deploy.lab.__main__:lab", "Run the lab alone and write a settings file for `up`."),
    "findings": _Elsewhere("deploy.cli.findings.command:findings", "What is wrong now."),
    "explain": _Elsewhere(
        "deploy.cli.findings.command:explain_command",
        "Everything about one finding: who is involved, what to do, how it came about.",
    ),
    "object": _Elsewhere(
        "deploy.cli.desk.object_command:object_command",
        "One person, group or device in both directories, by any of its names.",
    ),
    "desk": _Elsewhere("deploy.cli.desk.token_commands:desk", "Who may come to the desk: tokens of machines."),
    "ack": _Elsewhere(f"{_ACTIONS}:ack", "Acknowledge findings: they alert no more."),
    "assign": _Elsewhere(f"{_ACTIONS}:assign", "Give findings to somebody."),
    "comment": _Elsewhere(f"{_ACTIONS}:comment", "Write a note to findings."),
    "accept": _Elsewhere(f"{_ACTIONS}:accept", "Accept findings until a date, for a reason."),
    "reopen": _Elsewhere(f"{_ACTIONS}:reopen", "End an acceptance: findings need somebody again."),
    "ticket": _Elsewhere(f"{_ACTIONS}:ticket", "Link a ticket to findings."),
    "funnel": _Elsewhere("deploy.cli.funnel.command:funnel", "How far the computers are on their way to hybrid join."),
    "report": _Elsewhere(
        "deploy.cli.report.command:report",
        "What was wrong before anybody looked (--first-reading); the week that was (weekly).",
    ),
    "scan": _Elsewhere("deploy.cli.scan.command:scan", "Scan attributes once, as IdFix does, unattended."),
    "deadletters": _Elsewhere(
        "deploy.cli.deadletters:deadletters",
        "Records that could not be used: list them, or send them again.",
    ),
    "forget": _Elsewhere(
        "deploy.cli.forget:forget",
        "Forget PERSON, known by UPN, address, objectGUID, Entra object id, SID or source anchor.",
    ),
    "prometheus-config": _Elsewhere(
        "deploy.prometheus.command:prometheus_config",
        "Scrape configuration, rules, Alertmanager configuration and dashboards for this installation.",
    ),
    "runbook": _Elsewhere(
        "deploy.prometheus.runbook_command:runbook",
        "What an alert or a detection means, and what to do.",
    ),
    "replay": _Elsewhere(
        "deploy.cli.replay.command:replay",
        "Try the readers on files from a real server: what is recognised, what it would open.",
    ),
    "resync": _Elsewhere(
        "deploy.cli.resync:resync",
        "Have a source tell everything again, and see how far it has come.",
    ),
}


class _Commands(click.Group):
    """A group whose foreign commands are imported on use; one whose module is absent is not offered."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *(name for name in _ELSEWHERE if _exists(name))])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE and _exists(cmd_name):
            module, _, attribute = _ELSEWHERE[cmd_name].place.partition(":")
            try:
                command = getattr(importlib.import_module(module), attribute)
            except ModuleNotFoundError as error:
                raise click.ClickException(f"{cmd_name} needs {error.name}: pip install 'synchealth[lab]'") from error
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            own = super().get_command(ctx, name)
            rows.append((name, own.get_short_help_str(90) if own else _ELSEWHERE[name].help))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _exists(name: str) -> bool:
    return importlib.util.find_spec(_ELSEWHERE[name].place.partition(":")[0]) is not None


def _config() -> Callable[[F], F]:
    return click.option(
        "--config",
        "config",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_found,
        help="The settings file. Default: SYNCHEALTH_CONFIG, ./settings.toml, /etc/synchealth/settings.toml.",
    )


def _found(_context: click.Context, _parameter: click.Parameter, named: Path | None) -> Path | None:
    from streams.runtime.settings_path import find_settings

    return find_settings(named)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="synchealth", prog_name="synchealth")
def cli() -> None:
    """Event-driven health of directory synchronisation between Active Directory and Microsoft Entra ID."""


@cli.command()
@_config()
def up(config: Path | None) -> None:
    """Run everything on this node, supervised: sources, workers, exporter."""
    from deploy.cli.announcement import announce
    from deploy.cli.preflight import require_room
    from deploy.cli.supervisor import STOP_WITHIN_S, Supervisor, children
    from producers.topics import create
    from streams.runtime import service
    from streams.runtime.logs import configure_process
    from streams.runtime.settings import require_secrets
    from streams.runtime.settings_files import require_files

    settings = _reachable(config)
    require_secrets(settings)
    require_files(settings)
    require_room(settings)
    for name in create(settings.kafka):
        click.echo(f"topic {name} created", err=True)
    configure_process(settings.log.level, json=settings.log.json_lines)
    wanted = children(settings, config)
    on_a_terminal = sys.stderr.isatty() and not settings.log.json_lines
    if on_a_terminal:
        wanted = [child.with_environment(SYNCHEALTH_LOG__JSON_LINES="false") for child in wanted]
    click.echo(f"{len(wanted)} processes: {', '.join(child.name for child in wanted)}", err=True)
    stop = service.stop_signal(STOP_WITHIN_S)
    announce(settings, config, len(wanted), lambda line: click.echo(line, err=True), stop)
    supervisor = Supervisor(wanted, _prefixed if on_a_terminal else _as_it_came)
    service.started(supervisor.pulse.stuck)
    supervisor.run(stop)
    if supervisor.refused is not None:
        stop.set()
        click.echo(f"synchealth: {supervisor.refused} does not start with this configuration: see its lines", err=True)
        sys.exit(EXIT_SETTINGS)


@cli.group()
def run() -> None:
    """Run one role, for a cluster; `up` runs them all."""


@run.command(name="producers")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@_config()
def run_producers(sources: tuple[str, ...], config: Path | None) -> None:
    """Read each SOURCE (ad:FOREST, graph:TENANT; all of them if none is named) and send its facts to Kafka."""
    from producers.__main__ import start

    start(sources or ("all",), config)


@run.command(name="streams")
@_config()
@click.option("--worker", default=0, show_default=True, help="Its number on this machine: data folder, metrics port.")
def run_streams(config: Path | None, worker: int) -> None:
    """One correlating worker; start more of them with the same configuration to share the load."""
    from producers.installation import require_ours
    from streams.app import run as run_worker
    from streams.runtime.settings import load_settings
    from streams.runtime.settings_files import require_files

    settings = load_settings(config)
    require_files(settings, sources=())
    require_ours(settings)
    run_worker(settings, worker)


@run.command(name="sinks")
@_config()
def run_sinks(config: Path | None) -> None:
    """The Prometheus exporter."""
    from sinks.exporter import Exporter
    from sinks.labels import KnownDetection
    from streams.detections.registry import all_detections
    from streams.runtime import service
    from streams.runtime.logs import configure_process
    from streams.runtime.settings import load_settings
    from streams.runtime.settings_files import require_files

    settings = load_settings(config)
    require_files(settings, sources=())
    configure_process(settings.log.level, json=settings.log.json_lines)
    detections = [
        KnownDetection(one.id, one.family, one.severity, one.alert.for_s if one.alert else None)
        for one in (each.detection for each in all_detections())
    ]
    with Exporter(settings, detections, version=version()) as exporter:
        service.started(exporter.pulse.stuck)
        exporter.run(service.stop_signal())


@run.command(name="desk")
@_config()
def run_desk(config: Path | None) -> None:
    """The desk: pages and an API over what became of every finding."""
    from deploy.cli.desk.composition import catalogue, pipeline
    from sinks.desk.desk import Desk
    from streams.runtime import service
    from streams.runtime.logs import configure_process
    from streams.runtime.settings import load_settings
    from streams.runtime.settings_files import require_files

    settings = load_settings(config)
    require_files(settings, sources=())
    configure_process(settings.log.level, json=settings.log.json_lines)
    with Desk(settings, catalogue(settings), pipeline(settings, config), version=version()) as desk:
        service.started(desk.pulse.stuck)
        click.echo(f"desk: {desk.url}", err=True)
        desk.run(service.stop_signal())


@run.command(name="notify")
@_config()
def run_notify(config: Path | None) -> None:
    """Tell people where they work, as [[route]] and [[channel]] say."""
    from sinks.notify.notifier import Notifier
    from streams.contracts.errors import SettingsError
    from streams.detections.registry import all_detections
    from streams.runtime import service
    from streams.runtime.logs import configure_process
    from streams.runtime.settings import load_settings
    from streams.runtime.settings_files import require_files

    settings = load_settings(config)
    require_files(settings, sources=())
    if not settings.route:
        raise SettingsError(["there is no [[route]]: nobody would be told of anything"], config)
    configure_process(settings.log.level, json=settings.log.json_lines)
    known = [each.detection for each in all_detections()]
    titles, families = {one.id: one.title for one in known}, {one.id: one.family for one in known}
    with Notifier(settings, titles, families, version=version()) as notifier:
        service.started(notifier.stuck)
        notifier.run(service.stop_signal())


@cli.group()
def topics() -> None:
    """Kafka's topics: create them before the first start, check them any time."""


@topics.command(name="create")
@_config()
def topics_create(config: Path | None) -> None:
    """Create the topics that do not exist yet."""
    from producers.topics import create

    created = create(_reachable(config).kafka)
    click.echo("\n".join(f"created {name}" for name in created) or "all topics exist")


@topics.command(name="acls")
@_config()
@click.option("--principal", help="The user to grant to; unset: INSTALLATION-ROLE, as synchealth-worker.")
@click.option("--role", "roles", multiple=True, help="producer, worker, exporter, reader or admin; unset: all of them.")
def topics_acls(config: Path | None, principal: str | None, roles: tuple[str, ...]) -> None:
    """Print the commands of Kafka's own tool that grant each role what it needs, and no more."""
    from producers.acls import ROLES, command, event_topics, grants
    from streams.runtime.printable import printable
    from streams.runtime.settings import load_settings

    unknown = set(roles) - set(ROLES)
    if unknown:
        raise click.UsageError(f"no role {', '.join(sorted(unknown))}: there are {', '.join(ROLES)}")
    settings = load_settings(config)
    for role in [each for each in ROLES if not roles or each in roles]:
        click.echo(f"# {role}")
        for grant in grants(role, settings.consumer_group, event_topics(settings)):
            click.echo(printable(command(grant, principal or f"{settings.installation.name}-{role}", settings.kafka)))


@topics.command(name="adopt")
@_config()
def topics_adopt(config: Path | None) -> None:
    """Say that the topics are this configuration's, where its directories were exchanged for others."""
    from producers.installation import adopt

    click.echo(f"the topics are now those of {adopt(_reachable(config))}")


@topics.command(name="check")
@_config()
def topics_check(config: Path | None) -> None:
    """Say what is wrong with the topics; exit 1 if anything is."""
    from producers.topics import check

    faults = check(_reachable(config).kafka)
    click.echo("\n".join(faults) or "all topics are as they must be")
    sys.exit(EXIT_FAILED if faults else 0)


@cli.command()
@_config()
def reevaluate(config: Path | None) -> None:
    """Apply every rule to every view again, for instance after rules were changed."""
    from producers.publisher import KafkaPublisher
    from streams.contracts.codec import encode
    from streams.contracts.topics import VIEWS
    from streams.contracts.views import Control
    from streams.runtime.clock import now_ms

    kafka = _reachable(config).kafka
    publisher = KafkaPublisher(kafka, "synchealth-reevaluate")
    try:
        publisher.publish_to_all(VIEWS, encode(Control(sent_ms=now_ms(), action="reevaluate")))
        publisher.flush()
    finally:
        publisher.close()
    click.echo(f"asked all {kafka.partitions} partitions; watch `synchealth findings --watch`")


def _reachable(config: Path | None) -> Settings:
    """The settings, once their Kafka has answered. Raises SettingsError, KafkaUnreachableError."""
    from streams.runtime.kafka_ping import require_answer
    from streams.runtime.settings import load_settings
    from streams.runtime.settings_files import require_files

    settings = load_settings(config)
    require_files(settings, sources=())
    require_answer(settings.kafka)
    return settings


def _prefixed(child: str, line: str) -> None:
    from streams.runtime.printable import printable

    click.echo(f"{click.style(f'{child:<24.24}', dim=True)} {printable(line)}", err=True)


def _as_it_came(_child: str, line: str) -> None:
    from streams.runtime.printable import printable

    click.echo(printable(line), err=True)  # JSON lines name their component themselves, and are ASCII


def version() -> str:
    """The installed version; "unknown" when run from a tree that is not installed."""
    try:
        return importlib.metadata.version("synchealth")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def main() -> None:
    """Run the command; every error is a sentence on stderr. Exit: 0 well, 1 failed, 2 usage or configuration."""
    from deploy.broker.process import BrokerError
    from streams.runtime.kafka_ping import KafkaUnreachableError
    from streams.runtime.printable import printable, printable_lines

    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        # Only usage and settings have lines of their own; whatever else is said may quote a stranger.
        has_lines = error.exit_code == EXIT_SETTINGS
        error.message = (printable_lines if has_lines else printable)(error.message)
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except SettingsError as error:
        from deploy.cli.terminal import faults_of

        click.echo(f"synchealth: {faults_of(error)}", err=True)
        sys.exit(EXIT_SETTINGS)
    except KafkaUnreachableError as error:
        click.echo(f"synchealth: {printable(str(error))}", err=True)
        sys.exit(EXIT_SETTINGS)
    except SyncHealthError as error:
        click.echo(f"synchealth: {printable(str(error))}", err=True)
        sys.exit(EXIT_FAILED)
    except BrokerError as error:  # quotes the lines of a log
        click.echo(f"synchealth: {printable_lines(str(error))}", err=True)
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        sys.exit(EXIT_FAILED)  # whoever read us has enough
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        click.echo(printable(f"synchealth: {what}{error.strerror or error}"), err=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
