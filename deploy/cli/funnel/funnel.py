"""The funnel of hybrid join: how many computers stand in each stage, and how many do not count, by group. Pure."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.contracts.distinguished_name import container_of
from streams.detections.detection import Thresholds
from streams.measures.computers import JOINED, STAGES, place, system
from streams.runtime.printable import printable
from streams.runtime.spreadsheet import as_it_is, cell
from streams.views.device.device_view import DeviceView

_NONE = "(none)"
_HEADINGS = {"certificate": "cert", "registered": "regist."}  # the table fits 80 characters


@dataclass(frozen=True, slots=True)
class ComputerStanding:
    """Where one computer stands: a stage, or why it does not count (streams.measures.computers.place)."""

    tenant: str
    forest: str
    unit: str
    system: str
    place: str


def standing_of(view: DeviceView, thresholds: Thresholds, now_ms: int) -> ComputerStanding | None:
    """Where the view's computer stands; None where AD has none."""
    stands = place(view, thresholds, now_ms)
    if view.computer is None or stands is None:
        return None
    party = view.computer.party
    unit = container_of(party.distinguished_name or "") or _NONE
    return ComputerStanding(view.tenant, party.forest or _NONE, unit, system(view.computer.operating_system), stands)


GROUPS: Mapping[str, Callable[[ComputerStanding], str]] = {
    "forest": lambda standing: standing.forest,
    "ou": lambda standing: standing.unit,
    "system": lambda standing: standing.system,
    "tenant": lambda standing: standing.tenant,
}


@dataclass
class Funnel:
    """The computers of one group, counted by where they stand."""

    places: Counter[str] = field(default_factory=Counter)

    @property
    def counted(self) -> int:
        """Those that ought to join."""
        return sum(self.places[stage] for stage in STAGES)

    @property
    def joined(self) -> int:
        """Those that have."""
        return sum(self.places[stage] for stage in JOINED)

    @property
    def share(self) -> float | None:
        """The part of those that ought to join that has, 0 to 1; None where nobody ought to."""
        return self.joined / self.counted if self.counted else None

    @property
    def excluded(self) -> dict[str, int]:
        """Reason -> how many do not count for it, the most first."""
        most = sorted(self.places.items(), key=lambda item: (-item[1], item[0]))
        return {place: number for place, number in most if place not in STAGES and number}

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "counted": self.counted,
            "joined": self.joined,
            "joined_share": self.share,
            "stages": {stage: self.places[stage] for stage in STAGES},
            "excluded": self.excluded,
        }


def funnels(standings: Iterable[ComputerStanding], by: str) -> dict[str, Funnel]:
    """Group -> its funnel; those with the most computers left to join first."""
    name = GROUPS[by]
    found: dict[str, Funnel] = {}
    for standing in standings:
        found.setdefault(name(standing), Funnel()).places[standing.place] += 1
    return dict(sorted(found.items(), key=lambda item: (item[1].joined - item[1].counted, item[0])))


def total(groups: Mapping[str, Funnel]) -> Funnel:
    """All groups as one."""
    return Funnel(sum((funnel.places for funnel in groups.values()), Counter()))


def percent(share: float | None) -> str:
    """A share for people. 100 % only where nobody is missing, 0 % only where nobody has joined."""
    if share is None:
        return "-"
    if 0 < share < 1:
        return f"{min(99.9, max(0.1, share * 100)):.1f} %"
    return f"{share * 100:.0f} %"


def funnel_table(groups: Mapping[str, Funnel], by: str) -> RenderableType:
    """One line per group, and what does not count below."""
    if not groups:
        return Text("No computers: none is known.", style="yellow")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
    table.add_column(by.upper(), overflow="fold", min_width=8)
    for heading in ("JOINED", "OF", *(_HEADINGS.get(stage, stage).upper() for stage in STAGES), "APART"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, funnel in groups.items():
        _line(table, Text(printable(name)), funnel)
    whole = total(groups)
    if len(groups) > 1:
        _line(table, Text("all", style="bold"), whole)
    reasons = ", ".join(f"{reason.replace('_', ' ')} {number:,}" for reason, number in whole.excluded.items())
    return Group(table, Text(f"\napart, not counted: {reasons or 'none'}", style="dim"))


def _line(table: Table, name: Text, funnel: Funnel) -> None:
    style = "green" if funnel.share == 1 else "" if funnel.share is None else "yellow"
    cells = [Text(percent(funnel.share), style=style), Text(f"{funnel.counted:,}")]
    cells += [_number(funnel.places[stage]) for stage in STAGES]
    table.add_row(name, *cells, _number(sum(funnel.excluded.values())))


def _number(number: int) -> Text:
    return Text(f"{number:,}", style="" if number else "dim")


def write_csv(groups: Mapping[str, Funnel], by: str, file: IO[str], *, raw: bool = False) -> None:
    """One line per group with a header; a column for every reason that occurs. raw: names as they are."""
    as_cell = as_it_is if raw else cell
    reasons = sorted(total(groups).excluded)
    writer = csv.writer(file)
    writer.writerow([by, "counted", "joined", *STAGES, *(f"excluded_{reason}" for reason in reasons)])
    for name, funnel in groups.items():
        numbers = [funnel.counted, funnel.joined, *(funnel.places[each] for each in (*STAGES, *reasons))]
        writer.writerow([as_cell(name), *numbers])
