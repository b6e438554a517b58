"""Where a panel leads: to the findings it counts, to one of them, to what to do about it.

Data links, with Grafana's variables for what was clicked:
https://grafana.com/docs/grafana/latest/panels-visualizations/configure-data-links/
The desk's paths and filters are those of sinks/desk/pages.py; a test follows every link.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

DESK = "${desk}"
"""The desk's address: a variable of every dashboard."""
DESK_URL = "http://127.0.0.1:9480"
"""Its value in the committed files: where `synchealth run desk` listens by itself."""


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the menu that a click opens."""

    title: str
    url: str


Links = tuple[Link, ...]


def findings(title: str = "Findings by name", **facets: str) -> Link:
    """The desk's list, narrowed; a value may be a variable of Grafana."""
    query = urlencode(facets, safe="${}:")
    return Link(title, f"{DESK}/?{query}" if query else f"{DESK}/")


def runbook(name: str, title: str = "") -> Link:
    """What to do: of a detection by its id, or of an alert of the pipeline by its name."""
    return Link(title or f"Runbook: {name}", f"{DESK}/runbooks/{name}")


def of_family(family: str, **facets: str) -> Links:
    """Of all findings of a family."""
    return (findings(f"Findings of {family}", family=family, **facets), CATALOGUE)


def of_detections(*detections: str) -> Links:
    """Of some detections."""
    query = urlencode([("detection", each) for each in detections])
    return (Link("Findings by name", f"{DESK}/?{query}"), *map(runbook, detections))


def of_alerts(*alerts: str) -> Links:
    """Of a part of the pipeline: what the runbooks of its alerts say."""
    return (Link("Sources, and what check says", f"{DESK}/sources"), *map(runbook, alerts))


CATALOGUE = Link("Detections and their runbooks", f"{DESK}/detections")
_CLICKED = "${__field.labels.detection}"
_ROW = "${__data.fields.detection}"

EVERYTHING: Links = (findings(), CATALOGUE)
NEXT_EXPORT = Link("What the next export does, and whom it meets", f"{DESK}/next")
UNATTENDED: Links = (findings("Unattended findings", attention="unattended"), CATALOGUE)
ACCEPTED: Links = (findings("Accepted findings", attention="accepted"), CATALOGUE)
SUPPRESSED: Links = (
    findings("Suppressed findings", state="suppressed"),
    Link("Causes, and what they explain", f"{DESK}/causes"),
    CATALOGUE,
)
BY_SEVERITY: Links = (findings("Findings of this severity", severity="${__field.labels.severity}"), CATALOGUE)
BY_FAMILY: Links = (findings("Findings of this family", family="${__field.labels.family}"), CATALOGUE)
BY_DETECTION: Links = (
    findings("Findings of this detection", detection=_CLICKED),
    runbook(_CLICKED, "Runbook of this detection"),
)
SUPPRESSED_BY_DETECTION: Links = (
    findings("Suppressed findings of this detection", state="suppressed", detection=_CLICKED),
    runbook(_CLICKED, "Runbook of this detection"),
)
ROW_OF_FAMILY: Links = (findings("Findings of this family", family="${__data.fields.family}"), CATALOGUE)
ROW_OF_DETECTION: Links = (
    findings("Findings of this detection", detection=_ROW),
    runbook(_ROW, "Runbook of this detection"),
)
ROW_OF_FINDING: Links = (
    Link("This finding", f"{DESK}/f/${{__data.fields.finding}}"),
    findings("Findings of this detection", detection=_ROW),
    runbook(_ROW, "Runbook of this detection"),
)
ROW_OF_OBJECT: Links = (Link("This object", f"{DESK}/o/${{__data.fields.object}}"), CATALOGUE)
ROW_OF_UNIT: Links = (
    findings("Findings of this unit", unit="${__data.fields.unit:percentencode}"),
    CATALOGUE,
)
