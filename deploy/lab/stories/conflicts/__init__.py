"""The conflicts story: every way two objects can want one identity, each followed by its repair.

Sync cycles fall on lab minutes 30, 60, 90 …, the cloud's hourly check on 60, 120 …
"""

from __future__ import annotations

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.conflicts import anchors, cloud_owners, duplicates, workloads
from deploy.lab.stories.story import Story


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`; every plot acts on objects of its own."""
    cast = Cast(lab)
    steps = [
        *duplicates.plots(cast),
        *anchors.plots(cast),
        *cloud_owners.plots(cast),
        *workloads.plots(cast),
    ]
    return Story(
        name="conflicts",
        summary="Two forests and the cloud want the same names and addresses; somebody repairs it all",
        steps=sorted(steps, key=lambda step: step.at_min),
    )
