"""The watermark of a forest on the wire: as the workers of every version read it."""

from __future__ import annotations

from producers.watermark import SourceWatermark, fact_of
from streams.contracts.codec import encode
from streams.contracts.facts import Origin

CORP = Origin(name="ad/corp", side="ad", tenant="t", forest="corp")


def test_its_form_stays() -> None:
    fact = fact_of(CORP, SourceWatermark(read_until_ms=1_760_000_000_000, seq=7 << 12, ts_ms=1_760_000_000_250))
    assert encode(fact) == (
        b'{"op":"r","object_id":"c3c2572a-e0bb-54b6-856d-30aab67d282d","seq":28672,"ts_ms":1760000000250,'
        b'"kind":"forest","attributes":{"heardDateTime":"2025-10-09T08:53:20.000Z"},"full":true}'
    )


def test_every_forest_has_its_own() -> None:
    mark = SourceWatermark(read_until_ms=1, seq=1, ts_ms=1)
    other = Origin(name="ad/lab", side="ad", tenant="t", forest="lab")
    assert fact_of(CORP, mark).object_id != fact_of(other, mark).object_id
