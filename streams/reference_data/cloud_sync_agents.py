"""Versions of the provisioning agent of Cloud Sync. Pure."""

from __future__ import annotations

from streams.reference_data.table import Row, load


class AgentRelease(Row, frozen=True, kw_only=True):
    """One release. released: a day, or a month where only that is told."""

    version: str
    released: str | None = None
    mends: str | None = None


TABLE = load("cloud_sync_agents", AgentRelease)
NEWEST = TABLE.rows[-1]
