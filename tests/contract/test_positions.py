"""Golden positions: what earlier versions saved is read back as they meant it, and read on from there.

A case is never edited; a new form of a position adds cases. `parts`: every checkpoint part of one reader as it stands
in the topic; "selection": "current" stands for the attributes that are read today, whatever they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from producers.ad.attributes import DEFAULT
from producers.ad.naming_context import ForestReading, NamingContext
from producers.graph.collections import GROUPS
from producers.graph.delta import DeltaTask
from producers.graph.errors_seen import ErrorsSeen
from producers.graph.task import Step
from producers.source import Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode, encode
from streams.runtime.clock import HybridClock
from streams.runtime.settings import ForestSettings

GOLDEN = Path(__file__).parent / "golden" / "positions"
FOREST = ForestSettings(name="x", tenant="t", servers=["ldaps://dc"], bind_user="u", bind_password="p")


def cases(name: str, selection: str) -> list[Any]:
    text = (GOLDEN / f"{name}.v1.json").read_text().replace('"selection": "current"', f'"selection": "{selection}"')
    return [pytest.param(case, id=case["name"]) for case in json.loads(text)]


def parts_of(case: dict[str, Any]) -> list[Checkpoint]:
    return [decode(encode(part), Checkpoint) for part in case["parts"]]


class OwnGraph:
    """A client that takes every link for one of its own, and asks nothing."""

    def require_own(self, link: str) -> None: ...


def group(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"{number:08x}-5b7d-4f38-9c21-{number:012x}", "displayName": f"Group {number}", **more}


def ids_of(task: DeltaTask) -> dict[str, Any]:
    ledger = task.ledger
    return {"stored": sorted(ledger._round), "unaccounted": sorted(ledger._earlier), "gone": sorted(ledger._gone),
            "doubtful": sorted(ledger.doubtful), "unverified": ledger.unverified}  # fmt: skip


@pytest.mark.parametrize("case", cases("graph", GROUPS.selection))
def test_a_collection_of_graph_goes_on_where_it_was(case: dict[str, Any]) -> None:
    client = cast(Any, OwnGraph())
    task = DeltaTask(GROUPS, client, "entra/t", HybridClock(), ErrorsSeen("entra/t", "groups/errors"), 1.0)
    task.restore(parts_of(case))
    expected = case["expected"]
    read = {**ids_of(task), "full_pass": task.full_pass}
    read |= {"completed": task.ledger.completed, "again": task.ledger.ordered}
    read["gone_again"] = sorted(fact.object_id for fact in task.gone_again(1))
    assert read == {name: expected[name] for name in read}
    removed = group(2) | {"@removed": {"reason": "deleted"}}
    answer = {"value": [group(1), group(5), removed, group(8)], "@odata.deltaLink": "https://graph/groups/delta?x=1"}
    facts = task.apply(answer).facts
    assert [[fact.op.value, fact.object_id, fact.full] for fact in facts] == expected["next"]
    assert ids_of(task) == expected["after"]


@pytest.mark.parametrize("case", cases("graph", GROUPS.selection))
def test_a_position_of_graph_is_written_as_it_was_read(case: dict[str, Any]) -> None:
    parts = parts_of(case)
    task = DeltaTask(GROUPS, cast(Any, OwnGraph()), "entra/t", HybridClock(), ErrorsSeen("entra/t", "e"), 1.0)
    task.restore(parts)
    step = Step()
    task.save(step)
    [stored] = [part.position for part in parts if part.part == "groups"]
    [again] = [part.position for part in step.checkpoints if part.part == "groups"]
    begins_anew = case["name"] in {"killed between the ids and the position", "ids that are missing"}
    if begins_anew or stored["link"] is None:
        assert again.keys() == stored.keys()  # other marks: ids were added, or the round of before is accounted for
    else:
        assert again == stored


@pytest.mark.parametrize("case", cases("ad", DEFAULT.selection))
def test_a_naming_context_goes_on_where_it_was(case: dict[str, Any]) -> None:
    forest = ForestReading("ad/x", FOREST, cast(Any, None), HybridClock(), Progress())
    context = NamingContext("DC=x", forest, lambda _: False)
    context.restore(parts_of(case))
    stored = context._stored
    assert {
        "complete": context.position.complete, "position": context.position.to_json(),
        "stored": sorted(stored.published),
        "containers": sorted(stored.containers), "gone": sorted(stored.gone),
    } == case["expected"]  # fmt: skip
