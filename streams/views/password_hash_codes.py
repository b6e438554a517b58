"""Why password hash synchronisation fails: what each code in its events means.

Event 611 has an error of RPC or of directory replication (Windows system error codes); 652, 655 and 6900 have an error
of Entra ID's provisioning service. The numbers of the two overlap in nothing but their form.

Source: Microsoft, "RPC errors affecting Microsoft Entra Connect" (the table of 611), "How to troubleshoot password
synchronization when using Microsoft Entra Connect" (8439, 8593, 81, 90, the sentences), "Implement password hash
synchronization" (667 and FIPS); as collected on 2026-11-30.
"""

from __future__ import annotations

from enum import StrEnum

from streams.contracts.events import Event


class HashError(StrEnum):
    """What kind of cause; each calls for another hand."""

    RIGHTS = "rights"
    ACCOUNT = "connector_account"
    CONNECTIVITY = "domain_controller_unreachable"
    REPLICATION = "replication"
    RESOURCES = "resources"
    NOT_ACTIVATED = "not_activated"  # for the tenant: a matter of configuration
    CREDENTIALS = "cloud_credentials"
    BUSY = "service_busy"  # it is tried again by itself
    FIPS = "fips"
    STOPPED = "manager_stopped"
    OTHER = "other"


_E = HashError
_OF_A_DOMAIN = "611"
BY_SYSTEM_ERROR: dict[str, tuple[HashError, str]] = {
    "5": (_E.RIGHTS, "access is denied"),
    "6": (_E.OTHER, "the handle is invalid"),
    "14": (_E.RESOURCES, "not enough storage"),
    "1127": (_E.RESOURCES, "a disk operation failed even after retries"),
    "1130": (_E.RESOURCES, "not enough server storage"),
    "1331": (_E.ACCOUNT, "the account is disabled"),
    "1450": (_E.RESOURCES, "insufficient system resources"),
    "1722": (_E.CONNECTIVITY, "the RPC server is unavailable"),
    "1723": (_E.CONNECTIVITY, "the RPC server is too busy"),
    "1726": (_E.CONNECTIVITY, "the remote procedure call failed"),
    "1727": (_E.CONNECTIVITY, "the remote procedure call failed and did not execute"),
    "1728": (_E.CONNECTIVITY, "an RPC protocol error occurred"),
    "1753": (_E.CONNECTIVITY, "no more endpoints are available from the endpoint mapper"),
    "1818": (_E.CONNECTIVITY, "the remote procedure call was cancelled"),
    "1825": (_E.CONNECTIVITY, "a security package specific error occurred"),
    "8333": (_E.REPLICATION, "directory object not found"),
    "8420": (_E.REPLICATION, "the naming context could not be found"),
    "8439": (_E.REPLICATION, "the distinguished name is invalid for this replication operation"),
    "8446": (_E.RESOURCES, "the replication operation failed to allocate memory"),
    "8451": (_E.REPLICATION, "the replication operation encountered a database error"),
    "8453": (_E.RIGHTS, "replication access was denied"),
    "8456": (_E.REPLICATION, "the source server is rejecting replication requests"),
    "8465": (_E.REPLICATION, "a master replica attempted to sync from a partial replica"),
    "8593": (_E.REPLICATION, "the servers are of different replication epochs: a domain rename is in progress"),
}
BY_SERVICE_ERROR: dict[str, tuple[HashError, str]] = {
    "81": (_E.BUSY, "Entra ID is currently busy"),
    "90": (_E.NOT_ACTIVATED, "password synchronization has not been activated for this company"),
}
_BY_WORDS = (
    ("has not been activated for this company", _E.NOT_ACTIVATED),
    ("is currently busy", _E.BUSY),
    ("user name or password is incorrect", _E.CREDENTIALS),
)
_BY_EVENT = {"667": _E.FIPS, "607": _E.STOPPED, "609": _E.STOPPED}
ADVICE: dict[HashError, str] = {
    _E.RIGHTS: (
        "Give the connector account Replicating Directory Changes and Replicating Directory Changes All on the root of "
        "the domain. For 5: look also for a policy that restricts remote calls to SAM."
    ),
    _E.ACCOUNT: "Enable the connector account in that forest, or give the connector another one.",
    _E.CONNECTIVITY: (
        "Let the Connect server reach a domain controller by RPC: TCP 135 and the dynamic ports, DNS, and a preferred "
        "controller that still exists."
    ),
    _E.REPLICATION: (
        "Check replication and health of the domain controller that the event names (repadmin /showrepl, dcdiag), "
        "then point the connector at another one."
    ),
    _E.RESOURCES: "The domain controller or the Connect server is short of memory or disk: free some, or restart it.",
    _E.NOT_ACTIVATED: (
        "Decide whether this tenant shall have password hashes. If so, enable password hash synchronization in the "
        "Connect wizard (optional features); if not, disable it there. No network is at fault."
    ),
    _E.CREDENTIALS: (
        "Run the Connect wizard again: the credentials for Entra ID were changed outside of it, and are refused."
    ),
    _E.BUSY: "Entra ID asks for patience, and the server tries again by itself.",
    _E.FIPS: "The server enforces FIPS, which forbids MD5: allow it for the service (miiserver.exe.config).",
    _E.STOPPED: "Restart the ADSync service; the events before the stop say why it stopped.",
    _E.OTHER: "The event's own text says more: read it on the server.",
}


def hash_error(event: Event) -> HashError:
    """The class of the failure that an event tells of, by its code, else its sentence, else its id."""
    number = event.name.rpartition("/")[2]
    code = str(event.details.get("error_code") or "")
    known = (BY_SYSTEM_ERROR if number == _OF_A_DOMAIN else BY_SERVICE_ERROR).get(code)
    if known is not None:
        return known[0]
    said = (event.reason or "").lower()
    by_words = next((kind for words, kind in _BY_WORDS if words in said), None) if number != _OF_A_DOMAIN else None
    return by_words or _BY_EVENT.get(number, HashError.OTHER)


def meaning_of(event: Event) -> str | None:
    """What its code means; None: it has none, or one that we do not know."""
    table = BY_SYSTEM_ERROR if event.name.endswith(f"/{_OF_A_DOMAIN}") else BY_SERVICE_ERROR
    known = table.get(str(event.details.get("error_code") or ""))
    return known[1] if known is not None else None
