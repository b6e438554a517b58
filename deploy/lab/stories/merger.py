"""The merger story: a company is taken over, and all its accounts wait for the cloud at once.

Sources: Microsoft, "Microsoft Entra Connect Sync: factors that influence performance" (7,000 writes in five minutes).
"""

from __future__ import annotations

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.cast import Cast
from deploy.lab.stories.story import Expectation, Step, Story

_FEWEST = 7_100


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`; so many come that they are a tenth of all, however large the lab."""
    newcomers = max(_FEWEST, lab.tenant.count() // 6)
    cast, tenant = Cast(lab), f"tenant/{lab.tenant.tenant_id}"

    def hire() -> None:
        for number in range(newcomers):
            cast.hire(f"Fabio Fabrikam {number:05}")

    return Story(
        name="merger",
        summary="A company is taken over: one change in bulk, not thousands of missing objects",
        steps=[
            Step(
                name="hired", at_min=2, told=f"{newcomers:,} accounts are created at once", act=hire, holds_sync=True,
                opens=[Expectation("engine.bulk_change", tenant), Expectation("capacity.write_rate_limit", tenant)],
            )
        ],
    )  # fmt: skip
