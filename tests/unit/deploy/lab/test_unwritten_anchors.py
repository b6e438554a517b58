"""A lab whose connector account may not write source anchors any more: one finding for the forest."""

from __future__ import annotations

from deploy.lab.hybrid import build
from streams.detections.registry import all_detections
from streams.evaluation.oracle import expected_findings
from streams.views.identity.anchors import ANCHOR, WRITTEN_WITHIN_MS
from tests.support.lab_oracle import objects_of_lab, state_of_tenant

DETECTION = "authority.source_anchor_not_written"


def test_the_newest_users_lack_what_the_others_have() -> None:
    lab = build(200)
    forest = lab.forests[0].store
    rules = [each for each in all_detections() if each.detection.id == DETECTION]

    def found(now_ms: int) -> dict[str, dict[str, int]]:
        objects = objects_of_lab([each.store for each in lab.forests], lab.tenant, 1)
        tenants = {lab.tenant.tenant_id: state_of_tenant(lab.tenant)}
        findings = expected_findings(objects, tenants, {}, rules, now_ms=now_ms)
        return {name: each for finding in findings.values() for name, each in finding.evidence["forests"].items()}

    assert found(2 * WRITTEN_WITHIN_MS) == {}, "the lab's engine has written every one"
    written = [item for item in forest.objects() if item.raw(ANCHOR)]
    for item in written[:3]:
        forest.modify(item.guid, {ANCHOR: None})
    late = found(2 * WRITTEN_WITHIN_MS)
    assert {name: each["not_written"] for name, each in late.items()} == {forest.domain: 3}
    assert late[forest.domain]["synchronised"] >= len(written)
    assert found(WRITTEN_WITHIN_MS // 2) == {}, "they may have been exported a moment ago"
