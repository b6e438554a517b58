"""Certificates and tokens that the settings name: whether they are there, asked once and before anything starts."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path

from streams.contracts.errors import SettingsError
from streams.runtime.settings import KafkaConnection, Settings


def require_files(settings: Settings, sources: Iterable[str] | None = None) -> None:
    """Return if Kafka's files and those of `sources` ("ad:FOREST", None: all) can be used.

    Secrets are not asked for: streams.runtime.settings.require_secrets. Raises SettingsError with every fault.
    """
    wanted = None if sources is None else set(sources)
    faults = [
        f"{owner}: {key} {file} cannot be used ({wrong}): check path and rights"
        for owner, key, file in _named(settings)
        if (owner == "kafka" or wanted is None or owner in wanted) and (wrong := _fault(key, file))
    ]
    if faults:
        raise SettingsError(faults)


def _named(settings: Settings) -> Iterator[tuple[str, str, Path]]:
    """Whose, key and path of every file that is set."""
    found: list[tuple[str, str, Path | None]] = [*_of_kafka("kafka", settings.kafka)]
    for forest in settings.forest:
        found.append((f"ad:{forest.name}", "ca_file", forest.ca_file))
    for tenant in settings.tenant:
        for key in ("ca_file", "certificate_file", "private_key_file", "federated_token_file"):
            found.append((f"graph:{tenant.id}", key, getattr(tenant, key)))
    for log in settings.eventlog:
        found += _of_kafka(f"eventlog:{log.name}", log)
    return ((owner, key, file) for owner, key, file in found if file is not None)


def _of_kafka(owner: str, kafka: KafkaConnection) -> list[tuple[str, str, Path | None]]:
    return [(owner, key, getattr(kafka, key)) for key in ("ca_file", "certificate_file", "key_file")]


def _fault(key: str, file: Path) -> str | None:
    """Why it cannot be used; of an authority also whether a certificate stands in it."""
    try:
        with file.open("rb") as opened:
            opened.read(1)
        if key == "ca_file":
            ssl.create_default_context(cafile=str(file))
    except ssl.SSLError:
        return "no certificate in PEM form"
    except OSError as error:
        return error.strerror or str(error)
    return None
