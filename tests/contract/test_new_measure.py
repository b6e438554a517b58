"""One new count or duration is one file and nothing else: CONTRIBUTING says so, and this holds it to that."""

from __future__ import annotations

import json
from pathlib import Path

from streams.measures.registry import all_counts, all_durations
from tests.support.scratch import copy_of_the_project, run_in

COUNT = '''"""Groups by nothing."""
from streams.measures.family import CountFamily
from streams.views.identity.object_view import GroupView

COUNT = CountFamily(
    metric="synchealth_flow_thrown_away", help="Thrown away.", labels=("forest",), views=(GroupView,), growing=True
)


def count(view, context, now_ms):
    return [("corp",)]
'''
DURATION = '''"""How long nothing takes."""
from streams.measures.family import DurationFamily, DurationSample
from streams.views.identity.object_view import GroupView

DURATION = DurationFamily(
    metric="synchealth_flow_thrown_away_seconds", help="Thrown away.", label="kind", views=(GroupView,)
)


def waiting(view, context, now_ms):
    return {"thrown_away/group": now_ms} if view.ad else {}


def ended(view, before, after, now_ms):
    for what in before.keys() - after.keys():
        if what.startswith("thrown_away/"):
            yield DurationSample("thrown_away", view.tenant, "corp", "group", (now_ms - before[what]) / 1000)
'''
LIFE = """
import json
from prometheus_client import generate_latest
from streams.agents import metrics
from streams.contracts.facts import Fact, ObjectKind, Operation
from tests.support.pipeline import AD, TENANT, Pipeline

class Observed(Pipeline):
    def _take(self, outcome):
        for sample in outcome.durations:
            metrics.observe_duration(sample)
        return super()._take(outcome)

pipeline = Observed()
def group(op, seq, at_ms):
    attributes = {"distinguishedName": "CN=g,DC=corp", "objectSid": "S-1-5-21-1-2-3-4"}
    fact = Fact(op=Operation(op), object_id="00000000-0000-0000-0000-000000000001", seq=seq, ts_ms=at_ms,
                kind=ObjectKind.GROUP, attributes=attributes)
    pipeline.feed(AD, [fact], now_ms=at_ms)

group("c", 1, 1_790_000_000_000)
metrics.COUNTS.counts = pipeline.partition.counts
counted = generate_latest(metrics.REGISTRY).decode()
group("d", 2, 1_790_000_060_000)
timed = generate_latest(metrics.REGISTRY).decode()
print(json.dumps([line for line in (counted + timed).splitlines() if "thrown_away" in line]))
"""


def test_one_file_each_shows_in_the_metrics(tmp_path: Path) -> None:
    copy_of_the_project(tmp_path)
    (tmp_path / "streams/measures/counts/thrown_away.py").write_text(COUNT)
    (tmp_path / "streams/measures/durations/thrown_away.py").write_text(DURATION)
    shown = json.loads(run_in(tmp_path, "-c", LIFE))

    tenant = "11111111-2222-3333-4444-555555555555"
    assert f'synchealth_flow_thrown_away{{forest="corp",tenant="{tenant}"}} 1.0' in shown
    assert f'synchealth_flow_thrown_away_seconds_sum{{forest="corp",kind="group",tenant="{tenant}"}} 60.0' in shown


def test_no_name_is_taken_twice() -> None:
    metrics = [each.family.metric for each in (*all_counts().values(), *all_durations().values())]
    assert len(metrics) == len(set(metrics))
    assert all(each.family.labels[0] == "forest" for each in all_counts().values() if each.count and each.family.told)
