"""What a server's log tells of its runs: which faults stand, whether it exports, and the same after the way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.events import Event, Log, Result
from streams.views.installation.runs import ServerRuns, ended_cycle, is_staged, standing_faults
from tests.support.words import body_of

AAD, FOREST = "contoso.onmicrosoft.com - AAD", "corp.local"
CYCLE = "directory synchronization/904"


def event(number: int, name: str, result: Result | None = None, **details: Any) -> Event:
    return Event(
        id=f"e{number}", log=Log.WINDOWS, name=name, tenant="t", ts_ms=number, seen_ms=number, server="aadc01",
        result=result, reason="a long text of the log", details=details,
    )  # fmt: skip


def fault(number: int, profile: str = "Export", connector: str = AAD, status: str = "completed-export-errors") -> Event:
    said = {"connector": connector, "run_profile": profile, "run_status": status}
    return event(number, "adsync/6100", Result.FAILURE, **said)


def began(number: int, kind: str = "delta") -> Event:
    return event(number, CYCLE, cycle="started", cycle_kind=kind)


def ended(number: int) -> Event:
    return event(number, CYCLE, cycle="completed", cycle_kind="delta")


def step(number: int, name: str) -> Event:
    return event(number, CYCLE, step="finished", step_name=name)


def standing(*events: Event) -> list[str]:
    return [each.id for each in standing_faults(events)]


def test_the_cycle_that_a_fault_belongs_to_does_not_end_it_and_the_next_one_does() -> None:
    first = [began(1), fault(2), ended(3)]
    assert standing(*first[:2]) == standing(*first) == ["e2"]
    assert standing(*first, began(4)) == ["e2"], "the next one has only begun"
    assert standing(*first, began(4), ended(5)) == []
    assert standing(*first, began(4), ended(5), began(6)) == [], "over is over"
    assert standing(*first, began(4), fault(5), ended(6)) == ["e5"], "told again"


def test_without_cycles_the_newest_fault_of_each_run_stands() -> None:
    assert standing(fault(1), fault(2), fault(3, "Delta Import", FOREST)) == ["e2", "e3"]


def test_only_an_export_shows_that_an_export_is_well_again() -> None:
    staged = [began(1), fault(2), fault(3, "Delta Import", FOREST), step(4, f"{AAD} Export"), ended(5)]
    staged += [began(6), step(7, f"{FOREST} Delta Import"), step(8, f"{FOREST} Export"), ended(9)]
    assert standing(*staged) == ["e2"]
    assert standing(*staged, began(10), step(11, f"{AAD} Export"), ended(12)) == []


def test_steps_in_words_that_nobody_knows_tell_nothing_of_exports() -> None:
    known = [began(1), fault(2), ended(3), began(4), step(5, "something that ended well"), ended(6)]
    assert standing(*known) == []
    assert not is_staged(known, 1)


def test_a_server_in_staging_mode() -> None:
    known = [began(1), step(2, f"{AAD} Full Import"), step(3, f"{AAD} Full Synchronization"), ended(4)]
    assert is_staged(known, 1) and not is_staged([*known, step(5, f"{AAD} Export")], 1)
    assert ServerRuns.of(known).stages and not ServerRuns.of(known).exported_ms


def test_a_cycle_that_goes_on_has_begun_and_not_ended() -> None:
    runs = ServerRuns.of([began(1), ended(2), began(700_000, "initial"), event(1_300_000, CYCLE)])
    assert runs.is_running and runs.full and runs.alive_ms == 1_200_000 and runs.last_cycle_ms == 1
    last = ended_cycle([began(1), ended(2), began(3)])
    assert last is not None and (last.begun_ms, last.ended_ms) == (1, 2)


def test_what_is_held_back_until_a_later_export() -> None:
    held = event(2, "directory synchronization/116", Result.FAILURE, pending_deletes=9, threshold=5)
    assert not ServerRuns.of([began(1), held, ended(3)]).held_back_over
    broken = [began(4), fault(5, status="stopped-connectivity"), ended(6)]
    assert not ServerRuns.of([began(1), held, ended(3), *broken]).held_back_over
    assert ServerRuns.of([began(1), held, ended(3), *broken, began(7), ended(8)]).held_back_over
    assert ServerRuns.of([event(1, "directory synchronization/116")]).held_back is None, "the settings"


def test_nothing_is_told_of_a_server_without_runs() -> None:
    assert ServerRuns.of([]).body == {}
    assert ServerRuns.read(body_of({})) == ServerRuns.of([])


@given(
    st.lists(
        st.one_of(
            st.builds(lambda: lambda number: began(number)),
            st.builds(lambda: lambda number: ended(number)),
            st.sampled_from([AAD, FOREST]).map(lambda name: lambda number: fault(number, "Export", name)),
            st.sampled_from([AAD, FOREST]).map(lambda name: lambda number: step(number, f"{name} Export")),
        ),
        max_size=10,
    )
)
def test_it_reads_as_it_was_told_without_the_logs_texts(said: list[Any]) -> None:
    runs = ServerRuns.of(make(number) for number, make in enumerate(said, 1))
    body = body_of(runs.body)
    assert b"a long text" not in bytes(body)
    assert ServerRuns.read(body).body == runs.body
