"""Times when synchronisation rests and nothing is wrong: a weekend, an upgrade, a tenant that never had any.

The lab plays them by its clock, and the pure pipeline looks on; what Prometheus makes of them is in
tests/contract/test_quiet_times.py.
"""

from __future__ import annotations

import pytest

from tests.support.quiet import Quiet

pytestmark = pytest.mark.slow


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Quiet:
    return Quiet(monkeypatch)


def test_a_weekend_without_a_change(quiet: Quiet) -> None:
    quiet.play(60 * 60, look_every_min=30)
    assert quiet.found == set()


def test_a_weekend_that_was_none_would_have_been_noticed(quiet: Quiet) -> None:
    quiet.play(6 * 60, look_every_min=30, acts={120: lambda: _stop(quiet, stopped=True)})
    assert {each.detection for each in quiet.pipeline.open().values()} == {"engine.sync_stopped"}


def test_an_upgrade_that_leaves_out_a_cycle(quiet: Quiet) -> None:
    """The server is in staging mode, then off; people go on changing things."""
    person, other = quiet.cast.person(), quiet.cast.person()
    quiet.play(
        300,
        look_every_min=5,
        acts={
            121: lambda: _stage(quiet, staged=True),
            125: lambda: person.write(displayName="Changed Meanwhile"),
            130: lambda: other.store.delete(other.guid),
            152: lambda: _stop(quiet, stopped=True),
            176: lambda: _stop(quiet, stopped=False),
            177: lambda: _stage(quiet, staged=False),
        },
    )
    assert quiet.found == set()
    assert quiet.lab.engine.cycles > 9, "and the cycles after it brought everything"


def test_a_tenant_that_was_never_synchronised(quiet: Quiet) -> None:
    """onPremisesSyncEnabled is null; AD is watched already, and the cloud has accounts of its own."""
    quiet.never_synchronised()
    quiet.play(24 * 60, look_every_min=30)
    assert quiet.found == set()


def _stop(quiet: Quiet, *, stopped: bool) -> None:
    quiet.lab.engine.stopped = stopped


def _stage(quiet: Quiet, *, staged: bool) -> None:
    quiet.lab.engine.staging = staged
    if quiet.lab.engine.passwords is not None:
        quiet.lab.engine.passwords.dead = staged
