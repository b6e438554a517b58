"""How far each source is worked off in one partition of the views: the lowest of the watermarks of its partitions.

A source says "read whole" in every partition of its change topic, behind its facts; each of these passes it on to every
partition of the views, behind what the facts led to. One that has received all of them has received all before them.
Source: Akidau et al., "The Dataflow Model" (VLDB 2015), watermarks; taken over as in Apache Flink, "Timely Stream
Processing": an operator's event time is the lowest of the watermarks of its inputs.

Row: "~read/<tenant>/<source>" -> {"partitions": how many there are, "read_ms": {number: watermark}}.
"""

from __future__ import annotations

import msgspec

from streams.contracts.codec import decode, encode
from streams.contracts.views import WatermarkUpdate
from streams.directory.rows import Rows


class _SourceWatermark(msgspec.Struct):
    partitions: int
    read_ms: dict[str, int] = {}


class Readings:
    """The watermarks that one partition of the views has received. `restore` first."""

    def __init__(self) -> None:
        self._watermarks: dict[str, dict[str, _SourceWatermark]] = {}

    def restore(self, rows: Rows) -> None:
        """Take up where the rows stand."""
        self._watermarks = {}
        for key, raw in rows.items("~read/"):
            tenant, _, source = key.removeprefix("~read/").partition("/")
            self._watermarks.setdefault(tenant, {})[source] = decode(raw, _SourceWatermark)

    def take(self, update: WatermarkUpdate, rows: Rows) -> None:
        """Take in a watermark, and store it. That of a partition never goes back."""
        previous = self._watermarks.get(update.tenant, {}).get(update.source)
        read_ms = dict(previous.read_ms) if previous is not None and previous.partitions == update.partitions else {}
        number = str(update.partition)
        read_ms[number] = max(update.read_ms, read_ms.get(number, 0))
        watermark = _SourceWatermark(update.partitions, read_ms)
        rows.put(f"~read/{update.tenant}/{update.source}", encode(watermark))
        self._watermarks.setdefault(update.tenant, {})[update.source] = watermark

    @property
    def tenants(self) -> list[str]:
        """Tenants of whose sources a watermark was received."""
        return sorted(self._watermarks)

    def of(self, tenant: str) -> dict[str, int]:
        """Source -> until when (ms) it is worked off here; sources that are not yet, to the end, are left out."""
        return {
            source: min(watermark.read_ms.values())
            for source, watermark in sorted(self._watermarks.get(tenant, {}).items())
            if len(watermark.read_ms) == watermark.partitions
        }
