"""What would be deleted in the cloud, as it is counted; shared by the rules that warn of too much of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from streams.detections.detection import OF_FOREST, Context
from streams.views.installation.tenant_view import TenantView

_CAUSES = {"deleted": "leaving_deleted", "out_of_scope": "leaving_scope"}


def leaving_of(view: TenantView, context: Context) -> dict[str, dict[str, Any]]:
    """forest -> {"deleted": n, "out_of_scope": n}: objects that AD, or the scope, has lost and the cloud has not; of
    forests whose scope is known.
    """
    forests: dict[str, dict[str, Any]] = {}
    for cause, state in _CAUSES.items():
        for forest, number in known_scopes(view.counted_by_forest(state), context).items():
            forests.setdefault(forest, {})[cause] = number
    return dict(sorted(forests.items()))


def leaving_by_engine(view: TenantView, context: Context) -> dict[str, int]:
    """Engine -> how many of these objects it is known to delete; of all others it is not known which engine does."""
    found: Counter[str] = Counter()
    for (subject, labels), number in view.counts.items():
        if subject == "leaving":
            forest, engine = labels
            found[engine] += known_scopes({forest: number}, context).get(forest, 0)
    return dict(found)


def known_scopes(by_forest: Mapping[str, int], context: Context) -> dict[str, int]:
    """The counts of forests of which it is known who is in scope (engine.scope_unknown)."""
    unknown = context.cause_only.get("engine.scope_unknown", frozenset())
    return {forest: number for forest, number in by_forest.items() if f"{OF_FOREST}{forest}" not in unknown}


def told_threshold(view: TenantView) -> int | None:
    """The threshold as a server's newest event 116 names it; None if none does."""
    told = [runs.held_back for runs in view.runs.values() if runs.held_back is not None]
    newest = max(told, key=lambda event: event.ts_ms, default=None)
    threshold = newest.details.get("threshold") if newest is not None else None
    return threshold if isinstance(threshold, int) and threshold > 0 else None
