"""Dashboard "SyncHealth: conflicts and hygiene": who claims what belongs to another, what cannot be synchronised."""

from __future__ import annotations

from typing import Any

from grafana import links, queries
from grafana.overview import TABLE
from grafana.pages import FINDINGS, Row, page
from grafana.panels import (
    CHANGE_COLOURS,
    WELL,
    bars,
    coloured,
    introduction,
    lines,
    listing,
    number,
    stacked,
    thresholds,
)

UID = "synchealth-conflicts"
_DAY = 86400
# Family -> heading, and what its findings are.
FAMILIES = {
    "conflict": ("Conflicts", "two objects claim one address, name, SID or anchor, or the cloud refuses an object"),
    "hygiene": ("Hygiene", "values that Entra ID refuses, changes or quarantines when they are synchronised"),
    "authority": ("Source of authority", "changes made where they do not count, and anchors that changed"),
}
_INTRODUCTION = """\
**Conflicts** lose somebody an address or a sign-in today; **hygiene** is what will be a conflict or a refusal at the
next change. Each row of a table leads to the objects on the [desk](${desk}) and to the runbook."""


def build() -> Any:
    """The dashboard's model."""
    return page(
        "conflicts and hygiene",
        UID,
        "Who claims what belongs to another, values that cannot be synchronised, and changes made in the wrong place.",
        (
            Row("Now", [introduction(_INTRODUCTION, height=2), *_now()]),
            *(Row(heading, _family(family, what)) for family, (heading, what) in FAMILIES.items()),
        ),
        since="now-7d",
        shown=(FINDINGS,),
    )


def _now() -> list[Any]:
    counts = [
        number(
            f"{heading}, open",
            f"Open findings: {what}.",
            "short",
            (queries.of_family(family), "open"),
            links=links.of_family(family),
            steps=WELL,
        )
        for family, (heading, what) in FAMILIES.items()
    ]
    ages = [
        number(
            f"{heading}, oldest",
            "How long the longest-standing of them has been open.",
            "s",
            (queries.family_oldest(family), "oldest"),
            links=links.of_family(family),
            steps=thresholds((None, "green"), (_DAY, "orange"), (7 * _DAY, "red")),
        )
        for family, (heading, _) in FAMILIES.items()
    ]
    return [*counts, *ages]


def _family(family: str, what: str) -> list[Any]:
    heading = FAMILIES[family][0]
    return [
        listing(
            f"{heading}: what is open",
            f"Open findings ({what}) by detection, tenant and forest.",
            (queries.family_table(family), ""),
            (queries.family_oldest_table(family), ""),
            links=links.ROW_OF_DETECTION,
            columns={name: column for name, column in TABLE.items() if name != "family"},
            units={"Oldest": "s"},
            limits={"Oldest": thresholds((None, "green"), (_DAY, "orange"), (7 * _DAY, "red"))},
            width=12,
            no_value="nothing open",
        ),
        stacked(
            f"{heading} by detection",
            "Open findings, the ten detections with most.",
            "short",
            (queries.family_by("detection", family), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        stacked(
            f"{heading} by forest",
            "Open findings, the ten forests with most.",
            "short",
            (queries.family_by("forest", family), "{{forest}}"),
            links=links.of_family(family, forest="${__field.labels.forest}"),
            width=8,
            no_value="nothing open",
        ),
        coloured(
            bars(
                f"{heading} opened and resolved",
                "How many opened and were resolved in each step. Tenant and forest do not apply here.",
                "short",
                (queries.transitions("opened", family), "opened"),
                (queries.transitions("resolved", family), "resolved"),
                links=links.of_family(family),
                width=8,
            ),
            CHANGE_COLOURS,
        ),
        lines(
            f"{heading}: age of the oldest",
            "Per detection, the ten oldest: a line that climbs for days is one that nobody looks after.",
            "s",
            (queries.family_age(family), "{{detection}}"),
            links=links.BY_DETECTION,
            width=8,
            limit=7 * _DAY,
            no_value="nothing open",
        ),
    ]
