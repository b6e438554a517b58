"""What `check` says of routes and channels."""

from __future__ import annotations

from deploy.cli.check.channels import check_channels
from deploy.cli.check.line import Mark
from streams.runtime.settings import Settings

TEAMS = {"name": "desk", "kind": "teams", "url": "https://x.example/hook?sig=s3cret"}


def said(**tables: object) -> list[tuple[Mark, str]]:
    return [(line.mark, line.what) for line in check_channels(Settings.model_validate(tables))]


def test_nothing_is_said_where_nobody_is_told() -> None:
    assert said() == []


def test_what_is_there() -> None:
    tables = {"channel": [TEAMS], "route": [{"channels": ["desk"], "detection": ["conflict.duplicate_address"]}]}
    assert said(**tables) == [(Mark.GOOD, "1 routes to desk")]


def test_every_fault_is_said_at_once_and_no_secret() -> None:
    broken = {**TEAMS, "name": "other", "chanel": "x"}
    found = said(channel=[TEAMS, broken], route=[{"channels": ["desk"], "family": ["confict"]}])

    assert [mark for mark, _ in found] == [Mark.FAULT, Mark.FAULT, Mark.GAP]
    assert "did you mean conflict?" in found[0][1]
    assert "chanel: unknown key for this kind" in found[1][1]
    assert "other hears nothing" in found[2][1]
    assert "s3cret" not in str(found)
