"""What a tenant hears of a server's runs: the newest of each, in any order of events, and the same after the way."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.events import Event, Log
from streams.views.runs import ServerRuns

AAD, FOREST = "contoso.onmicrosoft.com - AAD", "corp.local"
STATUSES = ("success", "in-progress", "completed-export-errors", "stopped-server-down", "no-start-credentials")


def run(number: int, profile: str, connector: str, status: str) -> Event:
    details = {"connector": connector, "run_profile": profile, "run_status": status}
    return Event(
        id=f"e{number}", log=Log.WINDOWS, name="adsync/1", tenant="t", ts_ms=number, seen_ms=number, server="aadc01",
        reason="a long text of the log", details=details,
    )  # fmt: skip


def test_the_newest_of_each_and_which_of_them_broke_off() -> None:
    runs = ServerRuns.of(
        [
            run(1, "Export", AAD, "success"),
            run(2, "Export", AAD, "stopped-server-down"),
            run(3, "Export", FOREST, "success"),
            run(4, "Full Import", AAD, "in-progress"),
            Event(id="e5", log=Log.WINDOWS, name="directory synchronization/654", tenant="t", ts_ms=5, seen_ms=5),
        ]
    )
    assert runs.latest is not None and runs.latest.id == "e4"
    assert [event.id for event in runs.exports] == ["e2", "e3"]
    assert [event.id for event in runs.cloud_exports] == ["e2"]
    assert runs.failed is not None and runs.failed.id == "e2"
    assert runs.held_back is None


def test_where_no_connector_is_known_to_be_the_clouds_every_export_counts() -> None:
    runs = ServerRuns.of([run(1, "Export", "tenant", "success")])
    assert [event.id for event in runs.cloud_exports] == ["e1"]


def test_nothing_is_told_of_a_server_without_runs() -> None:
    assert ServerRuns.of([]).told == {}
    assert ServerRuns.read({}) == ServerRuns.of([])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Export", "Delta Import"]), st.sampled_from([AAD, FOREST]), st.sampled_from(STATUSES)
        ),
        max_size=8,
    )
)
def test_it_reads_as_it_was_told_without_the_logs_texts(said: list[tuple[str, str, str]]) -> None:
    runs = ServerRuns.of(run(number, *each) for number, each in enumerate(said))
    told = msgspec.json.decode(msgspec.json.encode(runs.told))
    assert "a long text" not in str(told)
    again = ServerRuns.read(told)
    assert again.told == runs.told
    assert again.cloud_exports == tuple(msgspec.structs.replace(each, reason=None) for each in runs.cloud_exports)
