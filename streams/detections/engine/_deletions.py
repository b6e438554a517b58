"""What would be deleted in the cloud, as the census counts it; shared by the rules that warn of too much of it."""

from __future__ import annotations

from typing import Any

from streams.views.installation.tenant_view import TenantView

_CAUSES = {"deleted": "leaving_deleted", "out_of_scope": "leaving_scope"}


def leaving_of(view: TenantView) -> dict[str, dict[str, Any]]:
    """forest -> {"deleted": n, "out_of_scope": n}: objects that AD, or the scope, has lost and the cloud has not."""
    forests: dict[str, dict[str, Any]] = {}
    for cause, state in _CAUSES.items():
        for forest, number in view.counted_by_forest(state).items():
            forests.setdefault(forest, {})[cause] = number
    return dict(sorted(forests.items()))


def told_threshold(view: TenantView) -> int | None:
    """The threshold as a server's newest event 116 names it; None if none does."""
    told = [runs.held_back for runs in view.runs.values() if runs.held_back is not None]
    newest = max(told, key=lambda event: event.ts_ms, default=None)
    threshold = newest.details.get("threshold") if newest is not None else None
    return threshold if isinstance(threshold, int) and threshold > 0 else None
