"""Every table, and when each was last compared with its sources."""

from __future__ import annotations

from datetime import date

from streams.reference_data import (
    bind_errors,
    connect_versions,
    export_attributes,
    export_errors,
    join_errors,
    password_advice,
    password_hash_errors,
    product_names,
    run_statuses,
    windows_builds,
    writeback_errors,
)
from streams.reference_data.table import outdated

AS_OF: dict[str, date] = {
    "bind_errors": bind_errors.TABLE.as_of,
    "connect_versions": connect_versions.TABLE.as_of,
    "export_attributes": export_attributes.TABLE.as_of,
    "export_errors": export_errors.TABLE.as_of,
    "join_answers": join_errors.ANSWERS.as_of,
    "join_errors": join_errors.TABLE.as_of,
    "password_advice": password_advice.TABLE.as_of,
    "password_hash_errors": password_hash_errors.TABLE.as_of,
    "product_names": product_names.TABLE.as_of,
    "run_statuses": run_statuses.TABLE.as_of,
    "windows_builds": windows_builds.TABLE.as_of,
    "writeback_errors": writeback_errors.TABLE.as_of,
}


def warning(now_ms: int) -> str | None:
    """A sentence for whoever runs this, when tables are older than half a year; None while they are not."""
    old = outdated(AS_OF.items(), now_ms)
    if not old:
        return None
    named = ", ".join(f"{name} (of {as_of.isoformat()})" for name, as_of in old)
    return f"tables of versions, dates and codes are older than half a year: {named}; what came since is unknown"
