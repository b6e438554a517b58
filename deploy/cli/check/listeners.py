"""Who can ask our listeners, and whether the file that guards them can be used."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.cli.check.line import Line, fault, gap, good
from streams.contracts.errors import SettingsError
from streams.runtime.place import is_loopback
from streams.runtime.section import open_to_others
from streams.runtime.settings import Settings
from streams.runtime.web_configuration import WebConfiguration

_AREA = "listeners"


def check_listeners(settings: Settings) -> Iterator[Line]:
    """A fault where the web configuration file cannot be used; a gap where everybody may ask, or read the key."""
    file, guarded = settings.metrics.web_config_file, False
    if file is not None:
        try:
            web = WebConfiguration(file)
        except SettingsError as error:
            for wrong in error.faults:
                yield fault(_AREA, wrong, "correct [metrics] web_config_file")
            return
        guarded = web.guarded
        for each in filter(open_to_others, web.secrets):
            yield gap(_AREA, f"{each} is open to its group or to everybody", f"chmod 0400 {each}")
    own = (settings.metrics.host, settings.streams.metrics_host, settings.producers.metrics_host)
    beyond = sorted({host for host in own if host and not is_loopback(host)})
    if beyond and not guarded:
        advice = "set [metrics] web_config_file: TLS, and a password or client certificates"
        yield gap(_AREA, f"whoever reaches {', '.join(beyond)} may read the metrics", advice)
    else:
        yield good(_AREA, "asked from this machine alone" if not beyond else "ask for a password or a certificate")
