"""The Windows events that are read: what Winlogbeat has to ship, and what is recognised in a file. Data.

deploy/winlogbeat/winlogbeat.yml ships exactly these; a test holds the two together.

Source: the modules that read each provider, and for the ids that are only kept: MicrosoftDocs/entra-docs
admin-audit-logging.md (2503-2521) and authenticate-application-id.md (1011, 1012, 1014); jpazureid/blog
password-writeback-overview (403, 405); Microsoft, "Troubleshoot password hash synchronization" (Directory
Synchronization); "Troubleshoot self-service password reset writeback" (PasswordResetService).
"""

from __future__ import annotations

from dataclasses import dataclass

from producers.eventlog import registration

# Who changed the engine's configuration (2503-2521), and the certificate with which it signs in. The pages say the
# Application log and no provider: they are read where the engine itself writes them.
ADMINISTRATION = frozenset({2503, *range(2505, 2514), 2515, *range(2517, 2522)})
CERTIFICATE = frozenset({1011, 1012, 1014})


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: how Windows spells it, the log it writes into, the ids that are read; shipped: by default."""

    name: str
    channel: str
    ids: frozenset[int]
    shipped: bool = True


_ENGINE = frozenset(
    {
        *(403, 405, 2001, 2002, 6020, 6050, 6100, 6110, 6126, 6127, 6152, 6301, 6309, 6311, 6329, 6401),
        *(6800, 6801, 6803, 6900, 6941, 6949, 6956),
    }
)
KNOWN: dict[str, Provider] = {
    "adsync": Provider("ADSync", "Application", _ENGINE | ADMINISTRATION | CERTIFICATE),
    "directory synchronization": Provider(
        "Directory Synchronization",
        "Application",
        frozenset({0, *range(104, 108), *range(114, 118), *range(132, 135), *range(601, 624), *range(650, 669)})
        | {904, 906, 6900},
    ),
    "passwordresetservice": Provider(
        "PasswordResetService",
        "Application",
        frozenset({*range(31001, 31045), *range(32000, 32018), *range(33001, 33011)}),
    ),
    "user device registration": Provider(
        "Microsoft-Windows-User Device Registration",
        "Microsoft-Windows-User Device Registration/Admin",
        registration.TAKEN,
    ),
    "security": Provider("Microsoft-Windows-Security-Auditing", "Security", frozenset({5136, 5137, 5141}), False),
}
