"""The evaluator beside the rules: causes, expiry, holding, tombstones, broken rules, restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.contracts.codec import encode
from streams.contracts.facts import TenantState
from streams.contracts.finding import FindingState, Severity, Subject
from streams.contracts.views import (
    RETRACTED,
    ContextUpdate,
    Contribution,
    ContributionChunk,
    Control,
    Tick,
    WatermarkUpdate,
)
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.registry import Registered
from streams.directory.rows import MemoryRows
from streams.evaluation.outcome import Outcome
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.view_row import load_view
from streams.views.identity.object_view import GroupView, UserView
from tests.support.words import body_of

NOW = 1_790_000_000_000
DAY = 86_400_000


def _detection(name: str, rule: Any, view: type[Any] = UserView, **metadata: Any) -> Registered:
    detection = Detection(
        id=f"test.{name}",
        views=(view,),
        title=name,
        severity=Severity.HIGH,
        remediation="Do.",
        references=(),
        **metadata,
    )
    return Registered(detection, rule, Path("/nowhere"))


def _verdict(view: Any, **rest: Any) -> Verdict:
    return Verdict(summary="wrong", since_ms=NOW, subject=Subject(kind="user", key=view.key), **rest)


def _wrong_while_named_bad(view: UserView, context: Context, now_ms: int) -> Verdict | None:
    return _verdict(view) if any(side.attributes.get("displayName") == "bad" for side in view.ad) else None


def _item(key: str, name: str | None, seq: int = 1, expires_ms: int = 0) -> Contribution:
    body = RETRACTED
    if name is not None:
        party = {"side": "ad", "kind": key.partition("/")[0], "id": key, "tenant": "t", "view": key}
        body = body_of({"party": party, "attributes": {"displayName": name}})
    return Contribution(view=key, contributor="ad/1", seq=seq, changed_ms=NOW, body=body, expires_ms=expires_ms)


class _Bench:
    def __init__(self, *detections: Registered, **options: Any) -> None:
        self.detections, self.options = detections, EvaluatorOptions(**options)
        self.rows = MemoryRows()
        self.restart()

    def restart(self) -> None:
        self.partition = ViewPartition(self.detections, self.options)
        self.partition.restore(self.rows)

    def say(self, *items: Contribution, now_ms: int = NOW) -> Outcome:
        return self.partition.apply(ContributionChunk(sent_ms=now_ms, items=list(items)), self.rows)

    def tick(self, now_ms: int) -> Outcome:
        return self.partition.apply(Tick(now_ms=now_ms), self.rows)


def _states(outcome: Outcome) -> list[FindingState | None]:
    return [finding.state if finding is not None else None for finding in outcome.findings.values()]


def test_a_cause_suppresses_and_its_end_opens_what_outlived_it() -> None:
    symptom = _detection("symptom", _wrong_while_named_bad, suppressed_by=("test.cause",))
    cause = _detection("cause", lambda view, *_: _verdict(view) if view.ad else None, GroupView, tenant_wide=True)
    bench = _Bench(symptom, cause)
    assert _states(bench.say(_item("user/t/a", "bad"))) == [FindingState.OPEN]

    (began,) = bench.say(_item("group/t/g", "g")).causes
    assert _states(bench.partition.apply(began, bench.rows)) == [FindingState.SUPPRESSED]
    bench.restart()  # causes are rows: a restart does not forget them
    quiet = bench.say(_item("user/t/b", "bad"))
    assert _states(quiet) == [FindingState.SUPPRESSED]
    (finding,) = quiet.findings.values()
    assert finding is not None
    assert finding.cause == began.finding

    (ended,) = bench.say(_item("group/t/g", None, seq=2), now_ms=NOW + 10).causes
    assert ended.finding is None
    outcome = bench.partition.apply(ended, bench.rows)
    assert sorted(map(str, _states(outcome))) == ["open", "open"]


def test_an_event_expires_and_its_finding_with_it() -> None:
    bench = _Bench(_detection("event", _wrong_while_named_bad))
    assert _states(bench.say(_item("user/t/a", "bad", expires_ms=NOW + 5_000))) == [FindingState.OPEN]
    bench.restart()
    assert _states(bench.tick(NOW + 4_999)) == []
    assert _states(bench.tick(NOW + 5_000)) == [FindingState.RESOLVED]


def test_a_verdict_is_held_until_it_has_stood_long_enough() -> None:
    bench = _Bench(_detection("held", _wrong_while_named_bad, hold_s=60))
    assert _states(bench.say(_item("user/t/a", "bad"))) == []
    bench.restart()
    assert _states(bench.tick(NOW + 59_999)) == []
    assert _states(bench.tick(NOW + 60_000)) == [FindingState.OPEN]


def test_a_resolved_finding_is_forgotten_after_its_retention() -> None:
    bench = _Bench(_detection("short", _wrong_while_named_bad), resolved_retention_ms=DAY)
    bench.say(_item("user/t/a", "bad"))
    assert _states(bench.say(_item("user/t/a", None, seq=2), now_ms=NOW + 1)) == [FindingState.RESOLVED]
    assert _states(bench.tick(NOW + DAY)) == []
    assert _states(bench.tick(NOW + DAY + 1)) == [None]
    bench.tick(NOW + 2 * DAY)
    assert [key for key in bench.rows.rows if not key.startswith(("~clock", "~census", "~settings"))] == []


def test_reopening_keeps_the_id_and_counts_on() -> None:
    bench = _Bench(_detection("again", _wrong_while_named_bad))
    (first,) = bench.say(_item("user/t/a", "bad")).findings.values()
    bench.say(_item("user/t/a", "good", seq=2), now_ms=NOW + 1)
    (second,) = bench.say(_item("user/t/a", "bad", seq=3), now_ms=NOW + 2).findings.values()
    assert first is not None
    assert second is not None
    assert (second.id, second.revision, second.state) == (first.id, 3, FindingState.OPEN)
    assert second.opened_at > first.opened_at


def test_a_stale_word_changes_nothing() -> None:
    bench = _Bench(_detection("stale", _wrong_while_named_bad))
    bench.say(_item("user/t/a", None, seq=5))
    assert _states(bench.say(_item("user/t/a", "bad", seq=4))) == []


def test_a_broken_rule_stops_no_other_and_keeps_its_finding() -> None:
    broken = {"now": False}

    def fragile(view: UserView, context: Context, now_ms: int) -> Verdict | None:
        if broken["now"]:
            raise RuntimeError("a bug")
        return _verdict(view)

    bench = _Bench(_detection("fragile", fragile), _detection("sound", _wrong_while_named_bad))
    bench.say(_item("user/t/a", "good"))
    broken["now"] = True
    outcome = bench.say(_item("user/t/a", "bad", seq=2), now_ms=NOW + 1)
    assert [finding.detection for finding in outcome.findings.values() if finding is not None] == ["test.sound"]
    assert [(fault.detection, fault.error) for fault in outcome.faults] == [("test.fragile", "RuntimeError: a bug")]


def test_a_view_of_an_unknown_kind_is_a_fault_of_its_own() -> None:
    bench = _Bench(_detection("any", _wrong_while_named_bad))
    outcome = bench.say(_item("gadget/t/1", "x"), _item("user/t/a", "bad"))
    assert [fault.view for fault in outcome.faults] == ["gadget/t/1"]
    assert _states(outcome) == [FindingState.OPEN]


def test_reevaluation_covers_every_view_and_survives_a_restart() -> None:
    wrong: set[str] = set()
    bench = _Bench(_detection("rule", lambda view, *_: _verdict(view) if view.key in wrong else None))
    keys = [f"user/t/{number}" for number in range(2500)]
    bench.say(*(_item(key, "x") for key in keys))
    wrong.update(keys)
    found = set(bench.partition.apply(Control(sent_ms=NOW, action="reevaluate"), bench.rows).findings)
    assert 0 < len(found) < len(keys)  # bounded work per record
    bench.restart()
    restarted = set(found)
    while bench.partition.pending:
        now = set(bench.tick(NOW).findings)
        assert not now & restarted, "it began anew instead of where it was"
        found |= now
    assert len(found) == len(keys)


def test_many_deadlines_at_one_moment_are_worked_off_in_steps() -> None:
    bench = _Bench(_detection("rule", lambda view, _, now_ms: None))
    keys = [f"user/t/{number}" for number in range(600)]
    bench.say(*(_item(key, "x") for key in keys))
    for key in keys:
        row = load_view(key, bench.rows)
        row.due_ms = NOW + 1
        bench.rows.put(key, encode(row))
        bench.rows.put(f"~due/{key}", b"%d" % (NOW + 1))
    bench.restart()
    assert not bench.partition.is_behind
    looked = [bench.tick(NOW + 1).evaluated]
    while bench.partition.is_behind:
        looked.append(bench.partition.go_on(bench.rows).evaluated)
    assert sum(looked) == len(keys)
    assert len(looked) > 2


def test_a_removed_detection_resolves_its_findings() -> None:
    bench = _Bench(_detection("gone", _wrong_while_named_bad))
    bench.say(_item("user/t/a", "bad"))
    bench.detections = ()
    bench.restart()
    assert _states(bench.say(_item("user/t/a", "bad", seq=2))) == [FindingState.RESOLVED]


def test_what_is_told_again_is_not_judged_again_and_counts_as_newer() -> None:
    judged: list[str] = []
    bench = _Bench(_detection("rule", lambda view, *_: judged.append(view.key)))
    bench.say(_item("user/t/a", "x"))
    before = dict(bench.rows.rows)
    assert bench.say(_item("user/t/a", "x")).evaluated == 0
    assert bench.rows.rows == before, "a replay writes nothing"
    assert bench.say(_item("user/t/a", "x", seq=9)).evaluated == 0
    bench.say(_item("user/t/a", "y", seq=8))
    assert judged == ["user/t/a"], "what was overtaken stays so"
    bench.say(_item("user/t/a", "y", seq=10))
    assert judged == ["user/t/a"] * 2


def test_a_failing_view_is_looked_at_whenever_it_is_told_of() -> None:
    broken = {"now": True}

    def fragile(view: UserView, context: Context, now_ms: int) -> Verdict | None:
        if broken["now"]:
            raise RuntimeError("a bug")
        return _verdict(view)

    bench = _Bench(_detection("fragile", fragile))
    assert bench.say(_item("user/t/a", "x")).faults
    broken["now"] = False
    assert _states(bench.say(_item("user/t/a", "x", seq=2))) == [FindingState.OPEN]


def test_another_version_judges_all_that_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"now": False}
    bench = _Bench(_detection("rule", lambda view, *_: _verdict(view) if wrong["now"] else None))
    bench.say(_item("user/t/a", "x"))
    wrong["now"] = True
    bench.restart()
    assert _states(bench.tick(NOW + 1)) == []
    monkeypatch.setattr("streams.evaluation.partition.VERSION", "another")
    bench.restart()
    assert _states(bench.tick(NOW + 2)) == [FindingState.OPEN]
    bench.restart()
    assert bench.tick(NOW + 3).evaluated == 0


@pytest.mark.parametrize("first", [1, 2])
def test_the_newest_tenant_state_counts_whatever_the_order(first: int) -> None:
    seen: list[bool] = []

    def look(view: UserView, context: Context, now_ms: int) -> Verdict | None:
        seen.append(context.collected)
        return None

    bench = _Bench(_detection("look", look))
    read = WatermarkUpdate(sent_ms=NOW, tenant="t", source="entra/t", partition=0, partitions=1, read_ms=NOW)
    bench.partition.apply(read, bench.rows)
    for seq in (first, 3 - first):
        tenant = TenantState(tenant="t", seq=seq, ts_ms=NOW, collected=seq == 2)
        bench.partition.apply(ContextUpdate(sent_ms=NOW, tenant=tenant), bench.rows)
    bench.say(_item("user/t/a", "x"))
    assert seen[-1] is True


def test_time_never_runs_backwards() -> None:
    bench = _Bench(_detection("any", _wrong_while_named_bad))
    bench.say(_item("user/t/a", "x"), now_ms=NOW + 100)
    bench.say(_item("user/t/b", "x"), now_ms=NOW)
    bench.restart()
    assert bench.partition.now_ms == NOW + 100
