"""Stories: what goes wrong in the lab and is repaired, with the findings that must follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories import (
    conflicts,
    day_one,
    engine,
    flow,
    hostile,
    hybrid_join,
    large_directory,
    large_group,
    merger,
    tenant,
    writeback,
    writeback_objects,
)
from deploy.lab.stories.story import Story

STORIES: Mapping[str, Callable[[HybridOrganisation], Story]] = {
    "conflicts": conflicts.build,
    "day_one": day_one.build,
    "engine": engine.build,
    "flow": flow.build,
    "hostile": hostile.build,
    "hybrid_join": hybrid_join.build,
    "large_directory": large_directory.build,
    "large_group": large_group.build,
    "merger": merger.build,
    "tenant": tenant.build,
    "writeback": writeback.build,
    "writeback_objects": writeback_objects.build,
}
WRITE_DEVICES = frozenset({"writeback_objects"})
"""Stories in which the tenant's devices are written into the first forest."""
