"""How far each source is worked off in one partition of the views: the lowest of the watermarks of its partitions.

A source says "read whole" in every partition of its change topic, behind its facts; each of these passes the word on to
every partition of the views, behind what the facts led to. Whoever has heard all of them has heard everything before.
Source: Akidau et al., "The Dataflow Model" (VLDB 2015), watermarks; taken over as in Apache Flink, "Timely Stream
Processing": an operator's event time is the lowest of the watermarks of its inputs.

Row: "~read/<tenant>/<source>" -> {"partitions": how many there are, "read_ms": {number: watermark}}.
"""

from __future__ import annotations

import msgspec

from streams.contracts.codec import decode, encode
from streams.contracts.views import WatermarkUpdate
from streams.directory.rows import Rows


class _Heard(msgspec.Struct):
    partitions: int
    read_ms: dict[str, int] = {}


class Readings:
    """What one partition of the views has heard. `restore` first."""

    def __init__(self) -> None:
        self._heard: dict[str, dict[str, _Heard]] = {}

    def restore(self, rows: Rows) -> None:
        """Take up where the rows stand."""
        self._heard = {}
        for key, raw in rows.items("~read/"):
            tenant, _, source = key.removeprefix("~read/").partition("/")
            self._heard.setdefault(tenant, {})[source] = decode(raw, _Heard)

    def take(self, update: WatermarkUpdate, rows: Rows) -> None:
        """A watermark has come by; it never goes back."""
        known = self._heard.get(update.tenant, {}).get(update.source)
        read_ms = dict(known.read_ms) if known is not None and known.partitions == update.partitions else {}
        number = str(update.partition)
        read_ms[number] = max(update.read_ms, read_ms.get(number, 0))
        heard = _Heard(update.partitions, read_ms)
        rows.put(f"~read/{update.tenant}/{update.source}", encode(heard))
        self._heard.setdefault(update.tenant, {})[update.source] = heard

    @property
    def tenants(self) -> list[str]:
        """Whose sources have been heard of."""
        return sorted(self._heard)

    def of(self, tenant: str) -> dict[str, int]:
        """Source -> until when (ms) it is worked off here; sources that are not yet, to the end, are left out."""
        return {
            source: min(heard.read_ms.values())
            for source, heard in sorted(self._heard.get(tenant, {}).items())
            if len(heard.read_ms) == heard.partitions
        }
