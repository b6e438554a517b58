"""The story of a large directory: it has grown to what Connect's own database carries.

Source: Microsoft, "Prerequisites for Microsoft Entra Connect" (SQL Server Express LocalDB: about 100,000 objects).
"""

from __future__ import annotations

import uuid

from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.stories.story import Expectation, Step, Story

# A little more than four fifths of the limit; and fewer leave at once than any deletion forecast minds.
_OBJECTS, _LEAVERS = 80_100, 200


def build(lab: HybridOrganisation) -> Story:
    """The story over `lab`, which is filled up with contacts, all in sync."""
    forest, engine = lab.forests[0], lab.engine
    store, unit = forest.store, forest.layout.contacts_ou
    synced = sum(len(engine.space.of_forest(each.name)) for each in lab.forests)
    partners = [_partner(lab, unit, number) for number in range(_OBJECTS - synced)]
    with engine.tenant.audit.silence(True):
        engine.cycle()

    def leave() -> None:
        for partner in partners[:_LEAVERS]:
            store.delete(partner)

    return Story(
        name="large_directory",
        summary="A directory grows to what Connect's own database carries",
        steps=[
            Step(
                name="grown", at_min=0, told=f"{_OBJECTS:,} objects are synchronised", act=lambda: None,
                opens=[Expectation("capacity.sql_express_limit", f"tenant/{lab.tenant.tenant_id}")],
            ),
            Step(
                name="tidied up", at_min=1, told=f"{_LEAVERS} partners that nobody knows are deleted", act=leave,
                repairs=["grown"],
            ),
        ],
    )  # fmt: skip


def _partner(lab: HybridOrganisation, unit: str, number: int) -> uuid.UUID:
    name, address = f"Partner {number:05}", f"partner{number:05}@partner.example"
    return lab.forests[0].store.add(
        f"CN={name},{unit}",
        {"objectClass": "contact", "displayName": name, "mail": address, "proxyAddresses": [f"SMTP:{address}"]},
    )
