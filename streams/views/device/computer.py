"""An AD computer as hybrid join looks at it: its account, its system, its join certificates.

Sources: Microsoft, "Plan your Microsoft Entra hybrid join implementation" (supported systems) and "Understanding
Microsoft Entra Connect 1.4.xx.x and device disappearance" (which certificate makes a computer synchronise).
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from streams.contracts.account_control import is_domain_controller, is_enabled
from streams.contracts.certificate import Certificate, read_certificate
from streams.contracts.times import filetime_ms, time_in
from streams.directory.party import Party
from streams.directory.state import ObjectState
from streams.reference_data.windows_builds import OLDEST_THAT_JOINS
from streams.views.messages import DeviceStatement

_BUILD = re.compile(r"\((\d{4,6})\)|^10\.0\.(\d{4,6})")
_BY_NAME = re.compile(r"^windows (1[01]\b|server (2016|2019|202\d)\b)", re.IGNORECASE)

ATTRIBUTES = (
    "name",
    "dNSHostName",
    "operatingSystem",
    "operatingSystemVersion",
    "userAccountControl",
    "userCertificate",
    "pwdLastSet",
    "whenCreated",
)
"""What an AD computer says to its device view."""
_DECIDING = ("distinguishedName", "operatingSystem", "operatingSystemVersion", "userAccountControl", "userCertificate")


class Computer(msgspec.Struct, frozen=True):
    """One AD computer account.

    enabled:         None while userAccountControl is unknown.
    password_set_ms: when it last changed its own password (every 30 days while it is in use).
    expected:        its forest is set up for hybrid join (forest.hybrid_join): a missing step is a gap.
    moved_ms:        when we last saw it change in what lets it join, or come to life; 0: it was so before we came.
    """

    party: Party
    certificates: tuple[Certificate, ...]
    enabled: bool | None
    domain_controller: bool
    operating_system: str | None
    operating_system_version: str | None
    dns_host_name: str | None
    password_set_ms: int | None
    created_ms: int
    expected: bool
    changed_ms: int
    moved_ms: int = 0

    @property
    def own_certificates(self) -> list[Certificate]:
        """Those whose subject is this computer, expired or not; the one that lasts longest first."""
        own = [each for each in self.certificates if each.readable and each.names(self.party.id)]
        return sorted(own, key=lambda each: each.not_after_ms or 0, reverse=True)

    @property
    def join_certificate(self) -> Certificate | None:
        """The certificate that lasts longest of those that name this computer; it may have expired."""
        return next(iter(self.own_certificates), None)

    def ready_since_ms(self, now_ms: int) -> int:
        """Since when it could have joined: its certificate's beginning, or its creation where it has no valid one."""
        certificate = self.join_certificate
        if certificate is None or not certificate.covers(now_ms):
            return self.created_ms
        return max(certificate.not_before_ms or 0, self.created_ms)

    def waits_since_ms(self, now_ms: int) -> int:
        """Since when it has been ready as it is now: what the directory dates, and what we saw change."""
        return max(self.ready_since_ms(now_ms), self.moved_ms)

    def outside(self, now_ms: int, seen_within_ms: int) -> str | None:
        """Why it counts as no gap, as a short stable word; None if it ought to join.

        seen_within_ms: a computer whose password is older than this is taken for dead.
        """
        if self.domain_controller:
            return "domain_controller"
        if self.enabled is False:
            return "disabled"
        if not supported_system(self.operating_system, self.operating_system_version):
            return "unsupported_system"
        if self.party.out_of_scope is not None:
            return "out_of_scope"
        if now_ms >= self.dead_at_ms(seen_within_ms):
            return "not_seen"
        return None

    def dead_at_ms(self, seen_within_ms: int) -> int:
        """When it will be taken for dead unless it shows itself."""
        return max(self.password_set_ms or 0, self.created_ms) + seen_within_ms


def computer_from(statement: DeviceStatement, changed_ms: int) -> Computer:
    """The computer that speaks in a device view."""
    attributes = statement.attributes
    control = attributes.get("userAccountControl")
    lines = attributes.get("userCertificate")
    return Computer(
        party=statement.party,
        certificates=tuple(read_certificate(str(line)) for line in lines) if isinstance(lines, list) else (),
        enabled=is_enabled(control),
        domain_controller=is_domain_controller(control),
        operating_system=_text(attributes.get("operatingSystem")),
        operating_system_version=_text(attributes.get("operatingSystemVersion")),
        dns_host_name=_text(attributes.get("dNSHostName")),
        password_set_ms=filetime_ms(attributes.get("pwdLastSet")),
        created_ms=time_in(attributes, "whenCreated", changed_ms),
        expected=statement.expected,
        changed_ms=changed_ms,
        moved_ms=statement.moved_ms,
    )


def moved_at_ms(state: ObjectState) -> int:
    """When we last saw a computer change in what lets it join, or come to life (ms); 0: never."""
    return max([state.created_ms, state.revived_ms, *(state.changed.get(name, 0) for name in _DECIDING)])


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


@lru_cache(maxsize=4096)  # every rule asks, and a fleet has few systems
def supported_system(name: str | None, version: str | None) -> bool:
    """Whether this system can be hybrid joined: Windows 10 1607 or later, Windows Server 2016 or later.

    A system that is not named is none: the account has not been used by one yet.
    """
    if not name or not name.lower().startswith("windows"):
        return False
    found = _BUILD.search(version or "")
    if found:
        return int(found[1] or found[2]) >= OLDEST_THAT_JOINS
    return _BY_NAME.match(name) is not None
