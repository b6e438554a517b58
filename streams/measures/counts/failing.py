"""Views that cannot be judged. Nothing here looks at a view that fails: streams.evaluation.failing counts them."""

from __future__ import annotations

from streams.measures.family import CountFamily

COUNT = CountFamily(
    metric="synchealth_streams_failing_views",
    help="Views at whose latest look something raised, a fault of this version: what they say may be old.",
    labels=("kind",),
    told=True,
)
