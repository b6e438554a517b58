"""What a fact carries of an X.509 certificate: one line of text instead of the blob.

"<SHA-1 thumbprint> <not before> <not after> <common name of the subject>", times in RFC 3339 UTC. Of a value that
is no certificate only the thumbprint of its bytes is there: it still counts towards the limit of 15.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.contracts.times import parse_rfc3339


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in short. `common_name` is "" if the subject has none; unreadable values have no times."""

    thumbprint: str
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    common_name: str = ""

    @property
    def readable(self) -> bool:
        """Whether the value was a certificate at all."""
        return self.not_after_ms is not None

    def names(self, object_guid: str) -> bool:
        """Whether its subject is this objectGUID, in braces or not (Microsoft, join certificates)."""
        return self.common_name.strip().strip("{}").lower() == object_guid.lower()

    def covers(self, now_ms: int) -> bool:
        """Whether it has not expired. A start in the future is a clock that goes wrong, not a missing certificate."""
        return self.not_after_ms is not None and now_ms < self.not_after_ms


def read_certificate(text: str) -> Certificate:
    """The certificate of a fact's line. What cannot be read is a certificate without times, never an error."""
    thumbprint, *rest = text.split(" ", 3)
    try:
        return Certificate(thumbprint, parse_rfc3339(rest[0]), parse_rfc3339(rest[1]), rest[2] if rest[2:] else "")
    except (IndexError, ValueError, OverflowError):
        return Certificate(thumbprint)
