"""Whether everything that [[route]], [[owner]] and [[channel]] name is there, and secrets of channels can be read."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.cli.check.line import Line, fault, gap, good
from sinks.notify.channels.registry import channels_of
from sinks.notify.routes import Routes
from streams.contracts.errors import SettingsError
from streams.detections.registry import all_detections
from streams.runtime.settings import Settings

_AREA = "notify"


def check_channels(settings: Settings) -> Iterator[Line]:
    """A fault for each thing that is not there; nothing is sent. No line where nobody is to be told of anything."""
    if not settings.route and not settings.channel:
        return
    families = {one.id: one.family for one in (each.detection for each in all_detections())}
    faults: list[str] = []
    try:
        Routes(settings, families)
    except SettingsError as error:
        faults += error.faults
    try:
        for channel in channels_of(settings.channel, settings.installation.name, "").values():
            channel.close()
    except SettingsError as error:
        faults += error.faults
    for wrong in faults:
        yield fault(_AREA, wrong, "README, To where people work, lists the keys of each kind")
    routed = {name for route in settings.route for name in route.channels}
    for name in (table.name for table in settings.channel if table.name not in routed):
        yield gap(_AREA, f"channel {name} hears nothing", "name it in the channels of a [[route]]")
    if not faults:
        yield good(_AREA, f"{len(settings.route)} routes to {', '.join(sorted(routed)) or 'nobody'}")
