"""From [[channel]] to channels: kinds of ours stand in a table, those of others behind an entry point."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from pydantic import ValidationError

from sinks.notify.channels.channel import Channel, Sender
from streams.contracts.errors import SettingsError
from streams.runtime.settings import ChannelSettings

GROUP = "synchealth.sinks"
# Ours are named here and not as entry points: they work from a tree that is not installed, and nobody can take a name.
KINDS = {
    "email": "sinks.notify.channels.email:Email",
    "jira": "sinks.notify.channels.jira:Jira",
    "otlp": "sinks.notify.channels.otlp:Otlp",
    "sentinel": "sinks.notify.channels.sentinel:Sentinel",
    "servicenow": "sinks.notify.channels.servicenow:ServiceNow",
    "slack": "sinks.notify.channels.slack:Slack",
    "splunk": "sinks.notify.channels.splunk:Splunk",
    "syslog": "sinks.notify.channels.syslog:Syslog",
    "teams": "sinks.notify.channels.teams:Teams",
    "webhook": "sinks.notify.channels.webhook:Webhook",
}


def channels_of(tables: list[ChannelSettings], installation: str, version: str) -> dict[str, Channel]:
    """Name -> channel, ready to send; nothing is connected. Raises SettingsError with every fault."""
    found: dict[str, Channel] = {}
    faults: list[str] = []
    for number, table in enumerate(tables):
        try:
            kind = _kind(table.kind)
            options = kind.Options.model_validate(table.own, context={"folder": table.folder})
            found[table.name] = kind(options, Sender(installation, version, table.name))
        except ValidationError as error:
            errors = error.errors(include_input=False, include_context=False)
            faults += [f"channel.{number} ({table.name}) {each}" for each in map(_sentence, errors)]
        except (SettingsError, ImportError, AttributeError, ValueError) as error:
            reasons = error.faults if isinstance(error, SettingsError) else [f"kind {table.kind!r}: {error}"]
            faults += [f"channel.{number} ({table.name}) {each}" for each in reasons]
    if faults:
        raise SettingsError(faults)
    return found


def kinds() -> list[str]:
    """Every kind there is."""
    return sorted({*KINDS, *(each.name for each in entry_points(group=GROUP))})


def _kind(name: str) -> Any:
    if name in KINDS:
        module, _, attribute = KINDS[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    for each in entry_points(group=GROUP, name=name):
        return each.load()
    raise SettingsError([f"kind: there is no {name!r}; there is {', '.join(kinds())}"])


def _sentence(fault: Any) -> str:
    where = ".".join(map(str, fault["loc"])) or "table"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "unknown key for this kind: remove it or correct its spelling"
    elif fault["type"] == "missing":
        message = "is missing: add it"
    return f"{where}: {message}"

