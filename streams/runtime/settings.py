"""Settings: defaults <- TOML file <- SYNCHEALTH_SECTION__KEY. Read once, validated whole, passed in.

Every key stands, with its reason, in deploy/settings.example.toml (a test keeps the two equal).
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator

from streams.contracts.errors import SettingsError
from streams.contracts.flows import added_attributes
from streams.contracts.topics import DEFAULT_INSTALLATION, belong_to
from streams.runtime.desk_settings import AccessSettings
from streams.runtime.kafka_settings import EventLogSettings, KafkaConnection, KafkaSettings
from streams.runtime.notify_settings import (
    ChannelSettings,
    NotifySettings,
    OwnerSettings,
    RouteSettings,
    routing_faults,
)
from streams.runtime.place import checked_place
from streams.runtime.section import FilePath, Port, Seconds, Section, Texts, secret_of
from streams.runtime.source_settings import SCOPE_KEYS, FlowSettings, ForestSettings, ScopeSettings, TenantSettings

__all__ = [
    "ENVIRONMENT_PREFIX",
    "ChannelSettings",
    "DeadLetterSettings",
    "DetectionSettings",
    "EventLogSettings",
    "FlowSettings",
    "ForestSettings",
    "InstallationSettings",
    "KafkaConnection",
    "KafkaSettings",
    "LogSettings",
    "MetricsSettings",
    "OwnerSettings",
    "ProducerSettings",
    "PrometheusSettings",
    "RouteSettings",
    "ScopeSettings",
    "Section",
    "Settings",
    "StreamsSettings",
    "TenantSettings",
    "load_settings",
    "require_secrets",
]

ENVIRONMENT_PREFIX = "SYNCHEALTH_"


class InstallationSettings(Section):
    """What this installation is called where others may be, too: in its topics, its group, its metrics."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] = DEFAULT_INSTALLATION


class StreamsSettings(Section):
    """The correlating workers. consumer_group: empty: called as the installation is."""

    consumer_group: str = ""
    store: Literal["rocksdb", "memory"] = "rocksdb"
    data_dir: Annotated[FilePath, Field(validate_default=True)] = Path("~/.local/share/synchealth")
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    session_timeout_s: Seconds = 30.0
    tick_interval_s: Seconds = 1.0
    # As long as Active Directory keeps what it deletes; views remember the deleted for 30 days, and devices for 180.
    forget_after_s: Annotated[float, Field(ge=30 * 86400.0)] = 180 * 86400.0
    metrics_host: str = ""
    metrics_port: Port = 9400  # 64 workers end where the exporter begins


class DetectionSettings(Section):
    """Thresholds that rules read through their context."""

    sync_interval_s: Seconds = 1800.0
    resolved_retention_s: Seconds = 7 * 86400.0
    pending_stuck_s: Seconds = 86400.0
    # Entra renews the time of the last sign-in only after 14 days, give or take 5.
    device_stale_s: Annotated[float, Field(ge=21 * 86400.0)] = 90 * 86400.0
    computer_seen_s: Seconds = 60 * 86400.0
    writeback_confirm_s: Seconds = 600.0
    device_writeback_s: Seconds = 10800.0
    writeback_heartbeat_s: Seconds = 300.0
    password_retry_s: Seconds = 600.0
    disabled: Texts = Field(default=[])
    runbook_base_url: str = ""


class MetricsSettings(Section):
    """The Prometheus exporter's listener (port 0: any free one), and what all listeners share.

    web_config_file: TLS and authentication as Prometheus' own exporters are told of them, for every role.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"  # empty would be every address of the machine
    port: Port = 9464
    web_config_file: FilePath | None = None


class ProducerSettings(Section):
    """What all sources share."""

    metrics_host: str = ""
    metrics_port: Port = 9466
    chunk_facts: Annotated[int, Field(ge=1, le=5000)] = 250


class DeadLetterSettings(Section):
    """What could not be used. Without its documents a letter tells their shape, length and hash."""

    keep_documents: bool = False


Unshown = Annotated[str, Field(repr=False)]
"""An address that may hold a password, or that whoever knows it may post to."""


class PrometheusSettings(Section):
    """Who watches us: for `synchealth prometheus-config` and `check`; nothing here is needed to run."""

    url: Unshown = ""
    alertmanagers: Texts = Field(default=["127.0.0.1:9093"])
    runbook_base_url: str = ""
    grafana_url: str = ""
    page_webhook: Unshown = ""
    urgent_webhook: Unshown = ""
    ticket_webhook: Unshown = ""
    digest_webhook: Unshown = ""
    watchdog_webhook: Unshown = ""


class HistorySettings(Section):
    """What the desk remembers. url: a PostgreSQL database; unset: SQLite, history.sqlite in data_dir."""

    url: SecretStr | None = None
    url_file: FilePath | None = None
    keep_episodes_s: Seconds = 400 * 86400.0
    keep_documents_s: Seconds = 90 * 86400.0

    @model_validator(mode="after")
    def _whole(self) -> HistorySettings:
        object.__setattr__(self, "url", secret_of(self.url, self.url_file, "url"))
        return self


class DeskSettings(Section):
    """Where the desk listens: on this machine alone, unless `access` says who may come (port 0: any free one).

    enabled: `synchealth up` runs it. check_every_s: how often it looks at what `synchealth check` looks at;
    check_directories: at domain controllers and Graph, too, for which the process of the desk reads their secrets.
    url: how others reach it: for links in messages, and where the command line asks the desk, rather than Kafka; token:
    of the command line, at a desk with a login.
    """

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 9480
    enabled: bool = True
    check_every_s: Seconds = 600.0
    check_directories: bool = False
    url: str = ""
    token: SecretStr | None = None
    token_file: FilePath | None = None
    access: AccessSettings = AccessSettings()

    @model_validator(mode="after")
    def _whole(self) -> DeskSettings:
        object.__setattr__(self, "token", secret_of(self.token, self.token_file, "token"))
        return self

    @property
    def address(self) -> str:
        """Where people find it, for links: without a slash at the end; "" where it is unknown."""
        if self.url or not self.port:
            return self.url.rstrip("/")
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @model_validator(mode="after")
    def _leads_somewhere(self) -> DeskSettings:
        if self.url:
            checked_place("url", self.url)
        return self


class LogSettings(Section):
    """Logs on stderr. `json` unset: JSON lines unless stderr is a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: bool | None = None


class Settings(Section):
    """The whole configuration of an installation."""

    installation: InstallationSettings = InstallationSettings()
    kafka: KafkaSettings = KafkaSettings()
    streams: StreamsSettings = StreamsSettings()
    detections: DetectionSettings = DetectionSettings()
    forest: list[ForestSettings] = Field(default=[])
    tenant: list[TenantSettings] = Field(default=[])
    eventlog: list[EventLogSettings] = Field(default=[])
    producers: ProducerSettings = ProducerSettings()
    metrics: MetricsSettings = MetricsSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    history: HistorySettings = HistorySettings()
    desk: DeskSettings = DeskSettings()
    notify: NotifySettings = NotifySettings()
    owner: list[OwnerSettings] = Field(default=[])
    channel: list[ChannelSettings] = Field(default=[])
    route: list[RouteSettings] = Field(default=[])
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        tenants = {tenant.id for tenant in self.tenant}
        for forest in self.forest:
            unknown = [each for each in forest.tenants if each not in tenants]
            if tenants and unknown:
                raise ValueError(
                    f"forest {forest.name}: tenant {unknown[0]!r} has no [[tenant]]; known: {sorted(tenants)}"
                )
        for log in self.eventlog:
            if tenants and log.tenant not in tenants:
                raise ValueError(
                    f"eventlog {log.name}: tenant {log.tenant!r} has no [[tenant]]; known: {sorted(tenants)}"
                )
        for label, names in (
            ("forest", [forest.name for forest in self.forest]),
            ("tenant", [tenant.id for tenant in self.tenant]),
            ("eventlog", [log.name for log in self.eventlog]),
        ):
            if len(set(names)) != len(names):
                several = "; a forest of several tenants has one table, with tenants" if label == "forest" else ""
                raise ValueError(f"two [[{label}]] tables carry the same name: {sorted(names)}{several}")
        faults = routing_faults(self.channel, self.route, self.owner)
        for number, route in enumerate(self.route):
            for key, there in (("tenant", tenants), ("forest", {forest.name for forest in self.forest})):
                unknown = sorted(set(getattr(route, key)) - there) if there else []
                known = f"has no [[{key}]]; known: {sorted(there)}"
                faults += [f"route.{number}.{key}: {each!r} {known}" for each in unknown]
        if faults:
            raise ValueError("; ".join(faults))
        taken: dict[int, str] = {}
        for process, port in self.metrics_ports.items():
            if port > 65535 or (port and port in taken):
                why = f"is also {taken[port]}'s" if port in taken else "does not exist"
                raise ValueError(
                    f"{process} has no metrics port of its own: {port} {why}. Each worker takes "
                    "one from [streams] metrics_port on, each source one from [producers] metrics_port on, in the "
                    "order of this file; [metrics] port is the exporter's: move them apart"
                )
            taken[port] = process
        return self

    @property
    def consumer_group(self) -> str:
        """The group that the workers form."""
        return self.streams.consumer_group or self.installation.name

    @property
    def sources(self) -> list[str]:
        """The names of every source: ad:FOREST, graph:TENANT, eventlog:NAME."""
        forests = [f"ad:{forest.name}" for forest in self.forest]
        tenants = [f"graph:{tenant.id}" for tenant in self.tenant]
        return [*forests, *tenants, *(f"eventlog:{log.name}" for log in self.eventlog)]

    def added_attributes(self, forest: ForestSettings) -> list[str]:
        """The attributes of a forest that are read only because a tenant's settings name them."""
        flows = [each.flows for each in self.tenant if each.id in forest.tenants]
        return sorted({name for each in flows for name in added_attributes(each)})

    def scope_word(self, forest: ForestSettings) -> str:
        """A short name for all that the settings say of who of a forest is synchronised, who is joined with whom,
        which computers should join, and which tenant is home; "" where they say nothing. The order of a list
        says nothing.
        """
        said = [forest.model_dump(include=SCOPE_KEYS, exclude_defaults=True)]
        said += [each.model_dump(exclude_defaults=True) for each in sorted(forest.scope, key=lambda each: each.tenant)]
        said += [
            {"tenant": each.id, "users_joined_by": each.users_joined_by}
            for each in self.tenant
            if each.id in forest.tenants and each.users_joined_by
        ]
        said += [{"home": forest.tenant}] if len(forest.tenants) > 1 else []
        if said == [{}]:
            return ""
        ordered = [sorted((key, sorted(v) if isinstance(v, list) else v) for key, v in each.items()) for each in said]
        return hashlib.blake2b(repr(ordered).encode(), digest_size=6).hexdigest()

    @property
    def metrics_ports(self) -> dict[str, int]:
        """Process (as `synchealth up` names it) -> the port of its /metrics; 0: none, or any.

        A block for each role, so that one more worker or source moves nobody else's port.
        """
        workers, streams, producers = self.streams.workers, self.streams.metrics_port, self.producers.metrics_port
        names = [f"streams-{number}" for number in range(workers)] if workers > 1 else ["streams"]
        ports = {name: streams and streams + number for number, name in enumerate(names)}
        ports |= {name: producers and producers + number for number, name in enumerate(self.sources)}
        ports["sinks"] = self.metrics.port
        return ports | {"notify": self.notify.metrics_port} if self.route else ports


def load_settings(file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `file` under the environment's overrides; this process' topics are theirs from now on.

    Relative paths in it are relative to the file. Raises SettingsError with every fault at once, each naming its key
    and what to do.
    """
    document = _document(file) if file is not None else {}
    faults: list[str] = []
    for name, value in sorted(environment.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name:
            path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            if not _override(document, path, value):
                faults.append(f"{name}: no such key; the form is {ENVIRONMENT_PREFIX}SECTION__KEY, lists by number")
    settings = None
    try:
        settings = Settings.model_validate(document, context={"folder": file.absolute().parent if file else None})
    except ValidationError as error:
        faults += [_sentence(fault) for fault in error.errors(include_input=False, include_context=False)]
    # Raised here and not in the handlers: pydantic's error, like tomllib's, carries the values, secrets too.
    if settings is None or faults:
        raise SettingsError(faults, file)
    belong_to(settings.installation.name)
    return settings


def require_secrets(settings: Settings, sources: Iterable[str] | None = None) -> None:
    """Return if the secrets of the directories can be read: those of `sources` ("ad:FOREST", "graph:TENANT") or all.

    For the roles that need them; everybody else leaves their files alone. Raises SettingsError with every fault.
    """
    named = [(f"ad:{forest.name}", forest.bind_password) for forest in settings.forest]
    named += [(f"graph:{tenant.id}", tenant.client_secret) for tenant in settings.tenant]
    wanted = None if sources is None else set(sources)
    faults: list[str] = []
    for source, secret in named:
        if secret is not None and (wanted is None or source in wanted):
            try:
                secret.get_secret_value()
            except SettingsError as error:
                faults += [f"{source}: {fault}" for fault in error.faults]
    if faults:
        raise SettingsError(faults)


def _document(file: Path) -> dict[str, Any]:
    document: dict[str, Any] | None = None
    wrong = ""
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        wrong = f"cannot be read ({error.strerror})"
    except UnicodeDecodeError as error:
        wrong = f"not valid TOML: byte {error.start} is not UTF-8"
    except tomllib.TOMLDecodeError as error:
        wrong = f"not valid TOML: {error}"
    except RecursionError:
        wrong = "not valid TOML: it is nested without end"
    if document is None:
        raise SettingsError([f"{file}: {wrong}"])
    return document


def _override(document: dict[str, Any], path: list[str], value: str) -> bool:
    """Set `value` at `path`; a number steps into an existing entry of a list. False where there is none."""
    here: Any = document
    for step, after in pairwise(path):
        if isinstance(here, list):
            if not step.isdigit() or int(step) >= len(here):
                return False
            here = here[int(step)]
        else:
            here = here.setdefault(step, [] if after.isdigit() else {})
    if not isinstance(here, dict):
        return False
    here[path[-1]] = value
    return True


def _sentence(fault: Any) -> str:
    where = ".".join(str(step) for step in fault["loc"]) or "configuration"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "unknown key: remove it or correct its spelling (deploy/settings.example.toml lists all)"
    elif fault["type"] == "missing":
        message = "is missing: add it (deploy/settings.example.toml shows how)"
    return f"{where}: {message}"
