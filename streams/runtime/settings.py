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
from streams.contracts.flows import JOIN_ATTRIBUTES, added_attributes, attribute_fault, property_fault, spelled
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
from streams.runtime.place import Place, place_of, without_password
from streams.runtime.section import DistinguishedNames, FilePath, Port, Seconds, Section, Texts, secret_of

__all__ = [
    "ENVIRONMENT_PREFIX",
    "ChannelSettings",
    "DeadLetterSettings",
    "DetectionSettings",
    "EventLogSettings",
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


class ScopeSettings(Section):
    """What of a forest is synchronised to one of its tenants, where that differs."""

    tenant: str
    include_ous: DistinguishedNames = Field(default=[])
    exclude_ous: DistinguishedNames = Field(default=[])
    scope_groups: DistinguishedNames | None = None
    default_filters: bool = True


class ForestSettings(Section):
    """One Active Directory forest: where it is, who reads it, what of it is in sync scope.

    tenants: those to which it is synchronised; tenant: of several the one that has what only one may have.
    scope_groups: None: nothing is said of groups; []: none decides who is synchronised.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
    tenant: str
    tenants: Texts = Field(default=[])
    scope: list[ScopeSettings] = Field(default=[])
    servers: Annotated[Texts, Field(min_length=1)]
    bind_user: str
    bind_password: SecretStr | None = None
    bind_password_file: FilePath | None = None
    ca_file: FilePath | None = None
    valid_names: Texts = Field(default=[])
    start_tls: bool = True
    naming_contexts: DistinguishedNames = Field(default=[])
    object_security: bool = False
    include_ous: DistinguishedNames = Field(default=[])
    exclude_ous: DistinguishedNames = Field(default=[])
    scope_groups: DistinguishedNames | None = None
    default_filters: bool = True
    cloud_sync_ous: DistinguishedNames = Field(default=[])
    hybrid_join: bool = False
    group_writeback: bool = False
    device_writeback: bool = False
    poll_interval_s: Seconds = 1.0
    reconcile_interval_s: Seconds = 86400.0
    forest_interval_s: Seconds = 300.0

    @model_validator(mode="after")
    def _consistent(self) -> ForestSettings:
        password = secret_of(self.bind_password, self.bind_password_file, "bind_password")
        if password is None:
            raise ValueError("bind_password or bind_password_file is missing")
        object.__setattr__(self, "bind_password", password)
        self._settle_tenants()
        for server in self.servers:
            scheme, _, rest = server.partition("://")
            try:
                plain = scheme.lower() in {"ldap", "ldaps"} and bool(place_of(f"https://{rest}"))
            except ValueError:
                plain = False
            if not plain:
                shown = without_password(server)
                raise ValueError(f"server {shown!r} is not an ldap:// or ldaps:// URL of a host and a port")
            if scheme.lower() == "ldap" and not self.start_tls:
                raise ValueError(f"server {server!r} would send the password in clear: use ldaps:// or start_tls")
        return self


    def _settle_tenants(self) -> None:
        tenants = self.tenants or [self.tenant]
        object.__setattr__(self, "tenants", tenants)
        if len(set(tenants)) != len(tenants):
            raise ValueError(f"tenants names one twice: {sorted(tenants)}")
        if self.tenant not in tenants:
            raise ValueError(
                f"tenants does not name {self.tenant!r}, the tenant that has what only one may have: hybrid join, "
                "seamless single sign-on, and the groups and devices that are written back"
            )
        scoped = [each.tenant for each in self.scope]
        if len(set(scoped)) != len(scoped) or not set(scoped) <= set(tenants):
            raise ValueError(f"[[forest.scope]] is for one of {sorted(tenants)} each, once; there is {sorted(scoped)}")


_SCOPE_KEYS = {*ScopeSettings.model_fields, "cloud_sync_ous", "hybrid_join"} - {"tenant"}


class FlowSettings(Section):
    """A property of the tenant's objects that a rule of its own fills from another attribute ("": not compared).

    What is not read anyway is read from the next start on, once whole: see streams.contracts.flows.
    """

    property: str
    attribute: str

    @model_validator(mode="after")
    def _known(self) -> FlowSettings:
        fault = property_fault(self.property)
        if fault is not None:
            raise ValueError(f"property {self.property!r} {fault}")
        fault = attribute_fault(self.attribute) if self.attribute else None
        if self.property == "manager" and self.attribute:
            fault = "is no reference: manager is compared with AD's manager, or not at all"
        if fault is not None:
            raise ValueError(f'attribute {self.attribute!r} {fault}; "" where the property is not to be compared')
        object.__setattr__(self, "attribute", spelled(self.attribute))
        return self


class TenantSettings(Section):
    """One Microsoft Entra tenant and the application that reads it."""

    id: str
    authority: str = ""
    graph_url: str = "https://graph.microsoft.com"
    scope: str = ""
    client_id: str = ""
    client_secret: SecretStr | None = None
    client_secret_file: FilePath | None = None
    certificate_file: FilePath | None = None
    private_key_file: FilePath | None = None
    federated_token_file: FilePath | None = None
    managed_identity: bool = False
    ca_file: FilePath | None = None
    proxy: str = ""
    poll_interval_s: Seconds = 15.0
    sweep_interval_s: Seconds = 900.0
    deleted_interval_s: Seconds = 3600.0
    tenant_interval_s: Seconds = 300.0
    audit_interval_s: Seconds = 30.0
    audit_overlap_s: Seconds = 1800.0
    audit_lookback_s: Seconds = 86400.0
    sign_ins: bool = False
    sign_in_interval_s: Seconds = 300.0
    sync_applications: dict[str, str] = Field(default={})
    max_concurrency: Annotated[int, Field(ge=1, le=32)] = 4
    flow: list[FlowSettings] = Field(default=[])
    accept_orphans: bool = False
    users_joined_by: str = ""

    @property
    def flows(self) -> dict[str, str]:
        """Property -> attribute."""
        return {flow.property: flow.attribute for flow in self.flow}

    @model_validator(mode="after")
    def _consistent(self) -> TenantSettings:
        secret = secret_of(self.client_secret, self.client_secret_file, "client_secret")
        object.__setattr__(self, "client_secret", secret)
        if not self.authority:
            object.__setattr__(self, "authority", f"https://login.microsoftonline.com/{self.id}")
        if not self.scope:
            object.__setattr__(self, "scope", f"{self.graph_url.rstrip('/')}/.default")
        for name, url in (("authority", self.authority), ("graph_url", self.graph_url)):
            if _place(name, url).scheme != "https" or "?" in url:
                raise ValueError(f"{name} {without_password(url)!r} must be an https:// URL")
        if self.proxy and self.proxy != "environment":
            _place("proxy", self.proxy)
        if self.users_joined_by and self.users_joined_by not in JOIN_ATTRIBUTES:
            raise ValueError(
                f"users_joined_by {self.users_joined_by!r} is not read from Active Directory: one of "
                f"{', '.join(JOIN_ATTRIBUTES)}; \"\" where everybody is in one forest only"
            )
        ways = [secret, self.certificate_file, self.federated_token_file, self.managed_identity or None]
        if sum(way is not None for way in ways) != 1:
            raise ValueError(
                "exactly one of client_secret(_file), certificate_file, federated_token_file, managed_identity"
            )
        if self.certificate_file is not None and self.private_key_file is None:
            raise ValueError("certificate_file needs private_key_file")
        if not self.managed_identity and not self.client_id:
            raise ValueError("client_id is missing")
        if len(self.flows) != len(self.flow):
            raise ValueError("two [[tenant.flow]] tables name the same property")
        return self


def _place(name: str, url: str) -> Place:
    """Where `url` leads. Raises ValueError, which shows no password."""
    try:
        return place_of(url)
    except ValueError as error:
        raise ValueError(f"{name} {without_password(url)!r} is {error}") from None


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
            _place("url", self.url)
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
        said = [forest.model_dump(include=_SCOPE_KEYS, exclude_defaults=True)]
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
