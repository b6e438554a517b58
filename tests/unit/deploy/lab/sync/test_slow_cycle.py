"""A cycle that takes its time: writes show while it goes on, and the time of synchronisation moves at its end."""

from __future__ import annotations

import pytest

from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories.cast import Cast
from deploy.lab.sync.report import EXPORT_ERRORS, SUCCESS
from producers.eventlog.winlogbeat import winlogbeat_events


@pytest.fixture
def lab() -> HybridOrganisation:
    made = build(120)
    made.engine.cycle()  # which imports the anchors that the first one wrote
    return made


def names(lab: HybridOrganisation) -> list[str]:
    return [str((lab.tenant.get("user", one) or {}).get("displayName")) for one in lab.tenant.ids("user")]


def test_its_writes_show_before_the_tenant_is_synchronised(lab: HybridOrganisation) -> None:
    cast = Cast(lab)
    for _ in range(8):
        person = cast.person()
        person.write(displayName=f"{person.name} Renamed")
    lab.tenant.profile.last_sync_ms = 1
    seen = [
        (sum("Renamed" in name for name in names(lab)), lab.tenant.profile.last_sync_ms) for _ in lab.engine.parts(4)
    ]
    assert seen == [(0, 1), (2, 1), (4, 1), (6, 1)]
    assert sum("Renamed" in name for name in names(lab)) == 8
    assert (lab.tenant.profile.last_sync_ms or 0) > 1


def test_a_full_one_is_asked_for_once_and_names_its_profile(lab: HybridOrganisation) -> None:
    lab.engine.full_next = True
    parts = lab.engine.parts(2)
    next(parts)
    steps = [
        event.details["step_name"]
        for document in lab.engine.log.documents
        for event in winlogbeat_events(document, lab.tenant.tenant_id, 0)
        if event.details.get("step") == "finished"
    ]
    assert steps[-1].endswith("Full Synchronization")
    assert not lab.engine.full_next
    assert not lab.engine.cycle().full


def test_what_entra_refuses_is_tried_again_with_every_cycle(lab: HybridOrganisation) -> None:
    cast = Cast(lab)
    renamed, leaver = cast.person(), cast.person()
    lab.engine.refused.update({str(renamed.guid), str(leaver.guid)})
    renamed.write(displayName="Renamed")
    leaver.store.delete(leaver.guid)
    for _ in range(2):
        report = lab.engine.cycle()
        assert (report.status, len(report.errors)) == (EXPORT_ERRORS, 2)
    lab.engine.refused.clear()
    report = lab.engine.cycle()
    assert (report.status, report.updated, report.deleted) == (SUCCESS, 1, 1)
