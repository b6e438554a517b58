"""What must hold, whatever went wrong on the way.

The oracle is asked about what the sources had told, not about what had happened: nobody can know more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sinks.freshness import Freshness, SourceFreshness
from sinks.freshness_source import WORKED_OFF, CheckpointTopic
from sinks.lag import Lag
from streams.contracts.codec import decode, encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import parse_rfc3339
from streams.contracts.topics import CHECKPOINTS, DEADLETTERS, FINDINGS
from streams.detections.registry import all_detections
from streams.evaluation.explaining import as_explanation
from streams.evaluation.oracle import expected_findings
from tests.simulation.broker import Broker, Stored
from tests.simulation.history import LOGS, History
from tests.support.pipeline import ENTRA, TENANT

LATE_S = 120.0
"""Freshness looks away for at most 60 s of a source and 30 s of the workers; a look may fall between two of them."""
_POLL_S = 15.0
_WAITING_MS = 30_000
"""How long records may wait that Freshness does not speak of: the words of one step, and steps told at once, come one
after another."""
_LINGERS_MS = {each.detection.id: 1000 * each.detection.lingers_s for each in all_detections()}
_CLOCKS_MS = 5 * 60_000
"""How far the time at which a finding opened may be from the broker's (DECISIONS.md, R7)."""
# A finding of these that is open stays so although the oracle, which has no history, waits anew (DECISIONS.md, 11).
_PATIENT = ("flow.", "hybrid_join.", "engine.")


class Moment(NamedTuple):
    """From here on, the sources had told so much. steps: by source, -1: nothing yet."""

    since_ms: int
    steps: tuple[int, ...]


class Judge:
    """Looks at the findings topic as an operator does."""

    def __init__(self, history: History, broker: Broker) -> None:
        self._history = history
        self._broker = broker
        self._moments: list[Moment] = []
        self._passed: list[Moment] = []
        self._answers: dict[tuple[tuple[int, ...], int], dict[str, Finding]] = {}

    def told(self, steps: tuple[int, ...]) -> None:
        """The sources have told so much by now."""
        if not self._moments or self._moments[-1].steps != steps:
            self._moments.append(Moment(self._broker.loop.true_ms, steps))

    def passed(self, source: int, began: int) -> None:
        """On its way to where it is now, this source told of all steps from this one on: at once, or once more."""
        since_ms, steps = self._broker.loop.true_ms, self._moments[-1].steps
        for step in range(began, steps[source]):
            self._passed.append(Moment(since_ms, (*steps[:source], step, *steps[source + 1 :])))

    def expected(self, steps: tuple[int, ...], now_ms: int) -> dict[str, Finding]:
        """The oracle's findings."""
        if (steps, now_ms) not in self._answers:
            known = {
                origin.name: self._history.states[step]
                for origin, step in zip(self._history.origins, steps, strict=True)
                if step >= 0
            }
            entra, logs = known.get(ENTRA.name), known.get(LOGS.name)
            events = [event for event in (entra.events if entra else []) if event.log != "windows"]
            events += [event for event in (logs.events if logs else []) if event.log == "windows"]
            self._answers[steps, now_ms] = expected_findings(
                [item for name, state in known.items() for item in state.objects[name]],
                {TENANT: entra.tenant} if entra and entra.tenant else {},
                self._history.scopes, all_detections(), now_ms=now_ms, events=events,
                forests_read=all(origin.name in known for origin in self._history.origins if origin.side == "ad"),
            )  # fmt: skip
        return self._answers[steps, now_ms]

    def findings(self) -> dict[str, Finding]:
        """What the findings topic says now, of the organisation."""
        found = {}
        for stored in self._broker.newest(FINDINGS.name).values():
            if stored.value is not None:
                finding = decode(stored.value, Finding)
                if finding.tenant == TENANT:
                    found[finding.id] = finding
        return found

    def freshness(self) -> Freshness:
        """What `synchealth findings` would say above its answer."""
        now_ms = self._broker.loop.true_ms
        checkpoints = CheckpointTopic()
        for stored in self._broker.newest(CHECKPOINTS.name).values():
            if stored.value is not None:
                checkpoints.read(stored.value, stored.timestamp)
        names = [origin.name for origin in self._history.origins]
        sources = [SourceFreshness(name, _POLL_S, checkpoints.last_contact(name)) for name in names]
        waiting = self._broker.unread({topic.name for topic in WORKED_OFF})
        oldest_ms = min((records[0].timestamp for records in waiting.values()), default=None)
        lost = self._broker.lost({topic.name for topic in WORKED_OFF if not topic.compacted})
        lag = Lag(sum(map(len, waiting.values())), oldest_ms, bool(self._broker.committed), lost)
        return Freshness(now_ms, sources, lag)

    def look(self) -> list[str]:
        """Whoever is told that everything is known sees what the oracle sees, or saw a moment ago."""
        now_ms = self._broker.loop.true_ms
        if self.freshness().faults or min(self._moments[-1].steps) < 0:
            return []
        late_ms = int(LATE_S * 1000)
        answers = self._answers_since(now_ms - late_ms)
        told = self.findings()
        found = {key: finding for key, finding in told.items() if finding.state is FindingState.OPEN}
        always = set.intersection(*(set(answer) for answer in answers))
        ever = set.union(*(set(answer) for answer in answers))
        faults = [
            f"missed although all is said to be known: {_named(answers[-1][key])}"
            for key in sorted(always - found.keys())
            if not _lingers(told.get(key), told, now_ms - late_ms)
        ]
        for key in sorted(found.keys() - ever):
            finding = found[key]
            if parse_rfc3339(finding.opened_at) > now_ms - _WAITING_MS:
                continue
            if finding.detection.startswith(_PATIENT):
                opened_ms = parse_rfc3339(finding.opened_at)
                answers = self._answers_since(opened_ms - late_ms)
                if any(key in answer for answer in answers) or self._was_passed(key, opened_ms):
                    continue
            faults.append(f"open although it was never so: {_named(finding)}")
        return faults

    def _was_passed(self, key: str, opened_ms: int) -> bool:
        """Whether a state that a source passed when it opened had stood for so long, for all that could be known."""
        passed = [each for each in self._passed if abs(each.since_ms - opened_ms) <= _CLOCKS_MS]
        return any(key in self.expected(each.steps, opened_ms) for each in passed)

    def _answers_since(self, from_ms: int) -> list[dict[str, Finding]]:
        """The oracle's findings as they changed from then on: when the sources told more, and now."""
        earlier = [moment for moment in self._moments if moment.since_ms <= from_ms]
        recent = [*earlier[-1:], *(moment for moment in self._moments if moment.since_ms > from_ms)]
        ends = [*(moment.since_ms for moment in recent[1:]), self._broker.loop.true_ms]
        times = [(moment.steps, max(from_ms, moment.since_ms)) for moment in recent]
        times += [(moment.steps, end_ms) for moment, end_ms in zip(recent, ends, strict=True)]
        return [self.expected(steps, at_ms) for steps, at_ms in times]

    def end(self, now_ms: int) -> list[str]:
        """When all is worked off: the oracle's findings, with the oracle's content."""
        steps = (len(self._history.states) - 1,) * len(self._history.origins)
        expected = self.expected(steps, now_ms)
        found = {key: finding for key, finding in self.findings().items() if finding.state is FindingState.OPEN}
        faults = [f"missed in the end: {_named(expected[key])}" for key in sorted(expected.keys() - found.keys())]
        faults += [f"open in the end: {_named(found[key])}" for key in sorted(found.keys() - expected.keys())]
        for key in sorted(expected.keys() & found.keys()):
            ours, theirs = _content(found[key]), _content(expected[key])
            if ours != theirs:
                what = next(name for name in ours if ours[name] != theirs[name])
                faults.append(f"{_named(found[key])}: {what} is {ours[what]}, not {theirs[what]}")
        return faults

    def refused(self, poison: Iterable[tuple[str, int, Stored]]) -> list[str]:
        """Each record that nobody can use is kept, with a reason."""
        letters = [
            decode(stored.value, DeadLetter)
            for (name, _), log in self._broker.logs.items()
            if name == DEADLETTERS.name
            for stored in log.records
        ]
        named = {(letter.topic, letter.partition, letter.offset): letter for letter in letters}
        faults = []
        for topic, partition, stored in poison:
            letter = named.get((topic, partition, stored.offset))
            if letter is None or not letter.reason:
                faults.append(
                    f"refused without a word: {topic}/{partition}@{stored.offset} {(stored.value or b'')[:80]!r}"
                )
        ours = {"project_failed", "evaluate_failed", "view_failed"}
        for letter in letters:
            if letter.reason in ours and (letter.topic, letter.partition, letter.offset) not in {
                (topic, partition, stored.offset) for topic, partition, stored in poison
            }:
                faults.append(f"a fault of ours: {letter.reason}: {letter.error}")
        return faults


def _lingers(finding: Finding | None, told: Mapping[str, Finding], at_ms: int) -> bool:
    """Whether it stays explained for a while by what has ended, which the oracle, without history, does not know."""
    cause = told.get(finding.cause or "") if finding is not None and finding.state is FindingState.SUPPRESSED else None
    ended_ms = as_explanation(cause).ended_ms if cause is not None else None
    return finding is not None and ended_ms is not None and at_ms < ended_ms + _LINGERS_MS[finding.detection]


def _named(finding: Finding) -> str:
    return f"{finding.detection} of {finding.subject.key} ({finding.id}; opened {finding.opened_at}, {finding.summary})"


def _content(finding: Finding) -> Mapping[str, Any]:
    """What must agree: everything but the moments at which somebody looked."""
    evidence = {key: value for key, value in finding.evidence.items() if key != "since"}
    holders = sorted(encode(holder) for holder in finding.counterparts)
    return {"severity": finding.severity, "subject": finding.subject, "evidence": evidence, "holders": holders}
