"""The story of a large group: Cloud Sync is in use, and somebody makes a list of everybody that it cannot carry.

Source: Microsoft, "Supported topologies and scenarios of Microsoft Entra Cloud Sync" (50,000 members of a group).
"""

from __future__ import annotations

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.cloud_sync import CloudSync

_PARTNERS = 40_500


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`. The partners are contacts that nobody synchronises; only their number counts."""
    forest = lab.forests[0]
    store, layout, engine = forest.store, forest.layout, lab.engine
    sync = CloudSync(lab.tenant, lab.forests[1].name)
    sync.ran(sync.add("AD2AADProvisioning"))
    partners = [
        store.add(f"CN=Partner {number:05},{layout.service_ou}", {"objectClass": "contact", "mail": None})
        for number in range(_PARTNERS)
    ]
    # It exists from the start, so that its view can be named, and out of scope.
    group = store.add(
        f"CN=All Partners,{layout.service_ou}",
        {"objectClass": "group", "sAMAccountName": "all-partners", "groupType": "8"},
    )
    engine.refused.add(str(group))  # as Entra does with more than it takes

    def fill() -> None:
        store.modify(group, {"member": partners})
        store.move(group, layout.groups_ou)

    return Story(
        name="large_group",
        summary="A group comes near the number of members that Cloud Sync carries",
        steps=[
            Step(
                name="filled", at_min=0, told=f"A group of {_PARTNERS:,} partners comes into scope", act=fill,
                opens=[Expectation("capacity.group_too_large", f"group/{lab.tenant.tenant_id}/{store.get(group).sid}")],
            ),
            Step(
                name="split", at_min=10, told="It is taken out of scope, to be split", repairs=["filled"],
                act=lambda: store.move(group, layout.service_ou),
            ),
        ],
    )  # fmt: skip
