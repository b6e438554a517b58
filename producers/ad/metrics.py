"""What only this source tells Prometheus; the shared metrics are in producers.metrics."""

from __future__ import annotations

from prometheus_client import Gauge

UNCONFIRMED = Gauge(
    "synchealth_producer_ad_unconfirmed_deletions",
    "Known objects that are out of sight without a readable tombstone: the account may be blind to deletions.",
    ["source"],
)
