"""The stage of the demo: broker, lab and pipeline, real processes from an ordinary settings file."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.broker import tansu
from deploy.broker.process import free_block, free_port
from deploy.cli.supervisor import Supervisor, children
from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.services import LabServices, services
from deploy.lab.settings_file import write_secret, write_settings
from deploy.lab.sync.clock import CYCLE_S, PASSWORDS_S, WRITEBACK_S
from deploy.lab.sync.schedule import OnCycle, OnSweep
from deploy.lab.sync.winlogbeat import TOPIC as WINLOGBEAT
from deploy.lab.sync.winlogbeat import shipping
from producers.acls import Role
from producers.topics import create, delete
from streams.contracts.errors import SyncHealthError
from streams.contracts.topics import TOPICS
from streams.runtime.printable import printable
from streams.runtime.settings import ENVIRONMENT_PREFIX, KafkaSettings, Settings, load_settings

_PARTITIONS = 4
_LEAST_S = 5.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for. kafka: an own broker, None: the embedded one; speed: lab over real seconds.

    kafka_users: a folder with a password file per role (`producers.acls`), named like it: each process is its user.
    device_writeback: the story writes devices into the first forest.
    """

    objects: int = 3000
    speed: float = 120.0
    seed: int = 20261123
    kafka: KafkaSettings | None = None
    kafka_users: Path | None = None
    directory: Path | None = None
    device_writeback: bool = False


@dataclass(slots=True)
class Stage:
    """Everything that stands, until the block ends."""

    organisation: HybridOrganisation
    lab: LabServices
    settings: Settings
    config: Path
    broker: str
    supervisor: Supervisor
    log_file: Path
    producer_ports: dict[str, int] = field(default_factory=dict)

    @property
    def desk_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.desk.port}/"

    @property
    def metrics_url(self) -> str:
        return f"http://{self.settings.metrics.host}:{self.settings.metrics.port}/metrics"


@contextlib.contextmanager
def stage(
    wishes: Wishes,
    *,
    told: Callable[[str], None],
    on_cycle: OnCycle,
    on_sweep: OnSweep,
    set_up: Callable[[HybridOrganisation], None] = lambda _: None,
) -> Iterator[Stage]:
    """Set everything up for the body; `told` hears of each step. Everything is taken down at the end.

    set_up: what has happened to the organisation before anybody looks.

    Call it from the main thread: the kernel ends the child processes together with the calling thread.
    Raises SyncHealthError or BrokerError with what stands in the way.
    """
    with contextlib.ExitStack() as stack:
        directory = (wishes.directory or Path(stack.enter_context(_scratch()))).absolute()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        kafka, name = wishes.kafka, "Kafka"
        if kafka is None:
            address, name = stack.enter_context(tansu()).bootstrap, "embedded broker (Tansu)"
            kafka = KafkaSettings(bootstrap_servers=[address])
        kafka = kafka.model_copy(update={"partitions": _PARTITIONS})
        broker = kafka.bootstrap_servers[0]
        desk_port = free_port()
        told(f"the desk, in half a minute: http://127.0.0.1:{desk_port}/")
        told(f"{name} at {broker}")
        stack.enter_context(_topics(kafka))
        organisation = build(wishes.objects, seed=wishes.seed, on_step=told)
        organisation.forests[0].device_writeback = wishes.device_writeback
        set_up(organisation)
        lab = stack.enter_context(
            services(organisation, directory / "tls", speed=wishes.speed, on_cycle=on_cycle, on_sweep=on_sweep)
        )
        stack.enter_context(shipping(organisation.engine.log, kafka, own=True))
        config = directory / "settings.toml"
        _write(lab, config, kafka, wishes, desk_port)
        settings = load_settings(config, {})
        wanted = [child.with_environment(**_login(wishes, _role(child.name))) for child in children(settings, config)]
        log = stack.enter_context((directory / "pipeline.log").open("a", buffering=1))
        supervisor = Supervisor(wanted, lambda child, line: _log(log, child, line))
        stack.callback(supervisor.stop)
        supervisor.start()
        told(f"pipeline: {len(wanted)} processes")
        ports = {source: settings.metrics_ports[source] for source in settings.sources}
        yield Stage(organisation, lab, settings, config, broker, supervisor, directory / "pipeline.log", ports)


@contextlib.contextmanager
def _topics(kafka: KafkaSettings) -> Iterator[None]:
    """The demo's topics; a broker that has them already belongs to somebody's installation and is refused."""
    created = create(kafka)
    if len(created) != len(TOPICS):
        if created:
            delete(kafka, created)
        raise SyncHealthError(
            f"Kafka at {kafka.bootstrap_servers[0]} has SyncHealth topics already: the demo will not write into an "
            "installation. Use another Kafka, or leave --kafka out for the embedded broker"
        )
    try:
        yield
    finally:
        with contextlib.suppress(SyncHealthError):
            delete(kafka, created)


def _role(child: str) -> Role:
    if child == "desk":
        return "desk"
    return "exporter" if child == "sinks" else "worker" if child.startswith("streams") else "producer"


def _login(wishes: Wishes, role: Role) -> dict[str, str]:
    """Who a process of that role is, as its environment says it; empty: the user of everybody."""
    if wishes.kafka_users is None:
        return {}
    names = {"SASL_USERNAME": f"synchealth-{role}", "SASL_PASSWORD_FILE": str(wishes.kafka_users.absolute() / role)}
    return {f"{ENVIRONMENT_PREFIX}KAFKA__{name}": value for name, value in names.items()}


def _kafka_table(kafka: KafkaSettings, wishes: Wishes, directory: Path) -> dict[str, Any]:
    """[kafka] of the settings file, for whoever reads findings; the password goes into `directory`."""
    table = kafka.model_dump(mode="json", exclude_none=True, exclude={"sasl_password", "sasl_password_file"})
    if wishes.kafka_users is not None:
        table |= {name.rpartition("__")[2].lower(): value for name, value in _login(wishes, "reader").items()}
    elif kafka.sasl_password is not None:
        table["sasl_password_file"] = write_secret(directory, "kafka.password", kafka.sasl_password.get_secret_value())
    return table


def _write(lab: LabServices, config: Path, kafka: KafkaSettings, wishes: Wishes, desk_port: int) -> None:
    embedded, speed = wishes.kafka is None, wishes.speed
    # Rights name the group of the installation; a demo without any has one of its own.
    group = "" if wishes.kafka_users is not None else f"synchealth-demo-{uuid.uuid4().hex[:8]}"
    write_settings(
        lab,
        config,
        event_topics=[WINLOGBEAT],
        kafka=_kafka_table(kafka, wishes, config.parent),
        streams={
            "consumer_group": group,
            "data_dir": str(config.parent / "data"),
            # The embedded broker lets a group wait for half of this before its members may start.
            "session_timeout_s": 3.0 if embedded else 10.0,
            "metrics_port": free_port(),
        },
        detections=_patience(speed),
        # Wherever there is room: other installations may run on this machine. Two forests, a tenant, an event log.
        metrics={"port": free_port()},
        desk={"port": desk_port, "check_directories": True},
        producers={"metrics_port": free_block(len(lab.organisation.forests) + 2)},
        log={"json_lines": False},
    )


def _patience(speed: float) -> dict[str, float]:
    """The thresholds at the lab's speed, but never below what polling takes."""
    return {
        "sync_interval_s": CYCLE_S / speed,
        "pending_stuck_s": 2 * CYCLE_S / speed,
        "writeback_confirm_s": max(_LEAST_S, 2 * WRITEBACK_S / speed),
        "device_writeback_s": max(_LEAST_S, 6 * CYCLE_S / speed),
        "writeback_heartbeat_s": max(_LEAST_S / 2, WRITEBACK_S / speed),
        "password_retry_s": max(_LEAST_S, 5 * PASSWORDS_S / speed),
    }


def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="synchealth-demo-", ignore_cleanup_errors=True)


def _log(log: object, child: str, line: str) -> None:
    with contextlib.suppress(ValueError):  # closed: the last words of a child that was stopped
        log.write(f"{child} {printable(line)}\n")  # type: ignore[attr-defined]
