"""What would make the processes of one node fail at their start, reported once, before any of them runs."""

from __future__ import annotations

import os
import socket

from streams.contracts.errors import SettingsError
from streams.runtime.settings import Settings

_SECTIONS = {"sinks": "metrics", "streams": "streams"}


def require_room(settings: Settings) -> None:
    """Return if every metrics port is free and the data folder can be written.

    Raises SettingsError, a sentence for each that is not.
    """
    faults = [fault for name, port in settings.metrics_ports.items() if (fault := _port_fault(settings, name, port))]
    folder = settings.streams.data_dir.expanduser()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        faults.append(f"streams.data_dir: {folder} cannot be written ({error.strerror}): make room, or name another")
    if faults:
        raise SettingsError(faults)


def _port_fault(settings: Settings, name: str, port: int) -> str | None:
    role = name.partition("-")[0]
    section = _SECTIONS.get(role, "producers")
    own = {"streams": settings.streams.metrics_host, "producers": settings.producers.metrics_host}
    host = own.get(section) or settings.metrics.host
    if not port:
        return None
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        return (
            f"{section}.{'port' if section == 'metrics' else 'metrics_port'}: {host}:{port} for {name} cannot be used "
            f"({why}): another installation may run here; end it, or set another port"
        )
    return None
