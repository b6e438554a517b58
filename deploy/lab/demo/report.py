"""What a performance came to: times of every expected finding, as JSON and as a verdict."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from deploy.lab.stories.player import Player, Progress
from streams.contracts.finding import Finding, FindingState
from streams.runtime.clock import rfc3339
from streams.runtime.printable import printable_json


def outcome(player: Player, findings: Mapping[str, Finding]) -> list[str]:
    """What is missing, one sentence each; empty if every expected finding opened and resolved and none is left."""
    faults = []
    for found in player.progress.values():
        what = f"{found.expectation.detection} of step {found.step!r}"
        if found.opened_ms is None:
            faults.append(f"{what} never opened")
        elif not found.done:
            faults.append(f"{what} opened and never resolved")
    faults += [
        f"{each.detection} is open at the end: {each.summary}" for each in unexpected(player, findings, still=True)
    ]
    return faults


def unexpected(player: Player, findings: Mapping[str, Finding], *, still: bool = False) -> list[Finding]:
    """Findings that the story does not name; `still`: only those that are open now."""
    return [
        each
        for each in findings.values()
        if each.id not in player.progress and not (still and each.state is FindingState.RESOLVED)
    ]


def document(
    player: Player,
    findings: Mapping[str, Finding],
    *,
    started_ms: int,
    ended_ms: int,
    broker: str,
    objects: int,
    speed: float,
    freshness: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The report as plain data; latencies in milliseconds, from the write to the finding's arrival here.

    freshness: how fresh the pipeline's word is at the end (sinks.freshness); None: it could not be read.
    """
    faults = outcome(player, findings)
    opened = [found.open_latency_ms for found in player.progress.values()]
    resolved = [found.resolve_latency_ms for found in player.progress.values()]
    first = min((found.opened_ms for found in player.progress.values() if found.opened_ms), default=None)
    return {
        "story": player.story.name,
        "ok": not faults,
        "faults": faults,
        "broker": broker,
        "freshness": freshness,
        "objects": objects,
        "speed": speed,
        "started_at": rfc3339(started_ms),
        "duration_s": (ended_ms - started_ms) / 1000,
        "first_finding_after_s": (first - started_ms) / 1000 if first is not None else None,
        "open_latency_ms": _summary(opened[1:]),  # the first waits for the pipeline to start
        "resolve_latency_ms": _summary(resolved),
        "findings": [_finding(found, findings) for found in player.progress.values()],
        "unexpected": [
            {"detection": each.detection, "summary": each.summary, "state": each.state}
            for each in unexpected(player, findings)
        ],
    }


def write(report: Mapping[str, Any], file: Path) -> None:
    """Write the report. Raises OSError."""
    lines = orjson.dumps(report, option=orjson.OPT_INDENT_2).decode().split("\n")
    file.write_text("\n".join(map(printable_json, lines)) + "\n")


def _finding(found: Progress, findings: Mapping[str, Finding]) -> dict[str, Any]:
    known = findings.get(found.expectation.finding)
    return {
        "id": found.expectation.finding,
        "detection": found.expectation.detection,
        "subject": found.expectation.key,
        "step": found.step,
        "summary": known.summary if known else None,
        "fault_at": _time(found.faulty_ms),
        "opened_at": _time(found.opened_ms),
        "open_latency_ms": found.open_latency_ms,
        "repaired_at": _time(found.repaired_ms),
        "resolved_at": _time(found.resolved_ms),
        "resolve_latency_ms": found.resolve_latency_ms,
    }


def _summary(latencies: Iterable[int | None]) -> dict[str, float] | None:
    known = sorted(value for value in latencies if value is not None)
    if not known:
        return None
    return {"p50": statistics.median(known), "max": known[-1], "n": len(known)}


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
