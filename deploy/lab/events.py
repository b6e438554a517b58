"""What the lab's Windows servers and clients write down, as Winlogbeat 8 ships it.

The texts have the shape of the ones in Microsoft's documentation ("Prevent accidental deletes", "Troubleshoot hybrid
joined devices"); names, numbers and identifiers are ours. `producers/eventlog/winlogbeat.py` reads them. What is about
passwords: `deploy/lab/password_events.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

PASSWORD_RESET = "PasswordResetService"  # noqa: S105 - the name of an event provider
DIRECTORY_SYNCHRONIZATION = "Directory Synchronization"
ADSYNC = "ADSync"
DEVICE_REGISTRATION = "Microsoft-Windows-User Device Registration"
DEVICE_REGISTRATION_CHANNEL = "Microsoft-Windows-User Device Registration/Admin"

_COUNTERS = {
    "discovery_errors": "Discovery Errors",
    "synchronization_errors": "Synchronization Errors",
    "metaverse_retry_errors": "Metaverse Retry Errors",
    "export_errors": "Export Errors",
    "warnings": "Warnings",
}


def winlogbeat_document(
    *,
    server: str,
    provider: str,
    event_id: int,
    message: str,
    channel: str = "Application",
    record_id: int,
    at_ms: int,
    level: str = "information",
    parameters: Sequence[str] = (),
) -> dict[str, Any]:
    """The ECS document of one Windows event. `server`: its DNS name; `level`: as Windows calls it.

    parameters: the strings that the program handed over; without any, the message is the only one.
    """
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "@timestamp": at,
        "ecs": {"version": "8.0.0"},
        "event": {
            "kind": "event",
            "code": str(event_id),
            "provider": provider,
            "created": at,
            "action": "None",
        },
        "host": {"name": server},
        "log": {"level": level},
        "message": message,
        "winlog": {
            "api": "wineventlog",
            "channel": channel,
            "computer_name": server,
            "event_data": {f"param{number}": value for number, value in enumerate(parameters or (message,), 1)},
            "event_id": str(event_id),
            "keywords": ["Classic"],
            "provider_name": provider,
            "record_id": record_id,
        },
    }


def deletion_threshold_116(pending_deletes: int, threshold: int) -> str:
    """The text of a 116: the export stops before it deletes more than the threshold."""
    return (
        f"Prevent Accidental Deletes: The number of deletions for this sync cycle ({pending_deletes} pending deletes) "
        f"has exceeded the current threshold of {threshold} objects. Deletions will be suppressed for this sync cycle. "
        "Please visit http://go.microsoft.com/fwlink/?LinkId=390655 for more information."
    )


def cycle_904(word: str, *, full: bool = False) -> str:
    """The text of a 904 about a whole cycle; `word`: "started" or "completed"."""
    return f"Import/Sync/Export cycle {word} ({'Initial' if full else 'Delta'})."


def step_904(word: str, connector: str, run_profile: str) -> str:
    """The text of a 904 about one run profile; `word`: "Starting" or "Finished"."""
    return f"{word}: {connector} {run_profile}"


def run_errors_6100(connector: str, run_profile: str, **counted: int) -> tuple[str, tuple[str, ...]]:
    """Text and strings of a 6100: a run ended with errors; `counted`: by counter, e.g. export_errors=4."""
    numbers = {name: str(counted.get(name, 0)) for name in _COUNTERS}
    lines = "".join(f' {label:<22} : "{numbers[name]}"\n' for name, label in _COUNTERS.items())
    text = (
        f'The management agent "{connector}" step execution completed on run profile "{run_profile}" with errors.\n \n'
        f" Additional Information\n{lines} \n User Action\n View the management agent run history for details."
    )
    return text, (connector, run_profile, *numbers.values())


def export_error_6941(
    *, error_name: str, source_anchor: str, tracking_id: str, attribute: str | None = None, value: str | None = None
) -> str:
    """The text of a 6941: Entra ID refuses one object. attribute, value: what it complains of, by the cloud's names."""
    detail = ""  # in which words errors without a value say so is not published
    if attribute is not None:
        detail = (
            "Unable to update this object because the following attributes associated with this object have values "
            "that may already be associated with another object in your local directory services: "
            f"[{attribute} {value};]. "
            "Correct or remove the duplicate values in your local directory. Please refer to "
            "https://support.microsoft.com/kb/2647098 for more information on identifying objects with duplicate "
            "attribute values."
        )
    return (
        f"ECMA2 MA export run caused an error. \n\nError Name: {error_name}\nError Detail: {detail}\n\n"
        f"Tracking Id: {tracking_id}\n\nDN: CN={{{source_anchor.encode().hex().upper()}}}"
    )
