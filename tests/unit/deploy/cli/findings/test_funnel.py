"""The funnel in groups, as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pytest
from rich.console import Console

from deploy.cli.funnel.funnel import ComputerStanding, Funnel, funnel_table, funnels, percent, total, write_csv

PILOT, SITE = "OU=Pilot,DC=corp", "OU=Graz\\, Site,DC=corp"


def standing(place: str, unit: str = PILOT, system: str = "windows 11", forest: str = "corp") -> ComputerStanding:
    return ComputerStanding("t", forest, unit, system, place)


ROLLOUT = [
    *[standing("active")] * 3, standing("registered"), standing("pending", SITE), standing("created", SITE),
    standing("disabled"), standing("not_seen", SITE), standing("unsupported_system", SITE, "other"),
]  # fmt: skip


def test_a_rollout_that_is_done_reads_100_percent_whatever_does_not_count() -> None:
    done = total(funnels([standing("active"), standing("registered"), standing("domain_controller")], "forest"))
    assert (done.counted, done.joined, done.share) == (2, 2, 1.0)
    assert percent(done.share) == "100 %"
    assert done.excluded == {"domain_controller": 1}


def test_groups_with_most_left_to_do_come_first() -> None:
    groups = funnels(ROLLOUT, "ou")
    assert list(groups) == [SITE, PILOT]
    assert groups[PILOT].share == 1
    assert groups[SITE].share == 0
    assert list(funnels(ROLLOUT, "system")) == ["windows 11", "other"]
    assert funnels(ROLLOUT, "system")["other"].share is None
    assert total(groups).places == total(funnels(ROLLOUT, "tenant")).places


@pytest.mark.parametrize(
    ("share", "words"),
    [(None, "-"), (0.0, "0 %"), (1.0, "100 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.5, "50.0 %")],
)
def test_percent_is_never_rounded_to_done(share: float | None, words: str) -> None:
    assert percent(share) == words


def shown(groups: dict[str, Funnel], width: int = 120) -> list[list[str]]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(funnel_table(groups, "ou"))
    return [line.split() for line in console.export_text().splitlines() if line.strip()]


def test_the_table_sums_up_and_says_what_does_not_count() -> None:
    lines = shown(funnels(ROLLOUT, "ou"))
    assert lines[0] == ["OU", "JOINED", "OF", "CREATED", "CERT", "PENDING", "REGIST.", "ACTIVE", "APART"]
    assert lines[3] == ["all", "66.7", "%", "6", "1", "0", "1", "1", "3", "3"]
    assert " ".join(lines[4]) == "apart, not counted: disabled 1, not seen 1, unsupported system 1"
    assert shown({})[0][:2] == ["No", "computers:"]


def test_the_table_fits_a_terminal_of_80_characters() -> None:
    many = {"OU=Department 7,OU=Computers,DC=corp,DC=local": Funnel(Counter(active=412_345, disabled=87_655))}
    lines = shown(many, width=80)
    assert lines[1][-2:] == ["412,345", "87,655"]


def test_csv_has_a_column_for_every_reason() -> None:
    file = io.StringIO(newline="")
    write_csv(funnels([*ROLLOUT, standing("active", "=1+1")], "ou"), "ou", file)
    rows = {row["ou"]: row for row in csv.DictReader(io.StringIO(file.getvalue(), newline=""))}
    assert rows[SITE]["pending"] == rows[SITE]["excluded_not_seen"] == "1"
    assert rows[PILOT]["joined"] == "4"
    assert rows[PILOT]["excluded_not_seen"] == "0"
    assert "'=1+1" in rows
