"""Dashboard "SyncHealth: hybrid join": where computers stop on their way to a registered device."""

from __future__ import annotations

from typing import Any

from grafana import links, queries
from grafana.pages import Row, page
from grafana.panels import CHANGE_COLOURS, WELL, bars, coloured, levels, lines, number, stacked, thresholds
from streams.measures.computers import STAGES

UID = "synchealth-hybrid-join"
# In the order in which a computer meets them.
STEPS = {
    "Cannot start": ("scp_missing", "scp_wrong_tenant", "certificate_missing"),
    "Certificate refused": ("certificate_invalid", "certificate_overflow"),
    "Not synchronised": ("not_synced", "deleted_only_in_cloud"),
    "Not registered": ("pending_stuck", "re_pended", "join_failing"),
    "States differ": ("enabled_state_mismatch",),
    "Left behind or twice": ("orphaned_cloud_device", "stale", "dual_state", "duplicate_device"),
}
_SHARES = ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
_FAMILY = "hybrid_join"
_OF_FAMILY = links.of_family(_FAMILY)
_NORMAL_S = 90 * 60
"""From certificate to registration, while the computer is on: as streams/measures/computers.py has it."""


def build() -> Any:
    """The dashboard's model."""
    return page(
        "hybrid join",
        UID,
        "Gaps on the way from a computer in Active Directory to a registered device in Entra ID.",
        (Row("Rollout", _rollout()), Row("Gaps now", _now()), Row("Gaps over time", _over_time())),
        since="now-7d",
    )


def _rollout() -> list[Any]:
    stages = tuple((queries.computers(stage), stage) for stage in STAGES)
    return [
        number(
            "Joined",
            "Registered or active, of all computers that ought to join; those that need not are counted apart.",
            "percentunit",
            (queries.JOIN_SHARE, "joined"),
            links=_OF_FAMILY,
            steps=thresholds((None, "orange"), (0.95, "yellow"), (1, "green")),
            no_value="no computer",
        ).height(8),
        levels(
            "Funnel",
            "Computers by the stage they stand in; each comes from the one above.",
            "short",
            *stages,
            links=_OF_FAMILY,
        ),
        levels(
            "Not counted",
            "Why computers do not count: no supported system, disabled, out of scope, not seen for long, not planned.",
            "short",
            (queries.NOT_COUNTED, "{{stage}}"),
            links=_OF_FAMILY,
            width=6,
            steps=thresholds((None, "text")),
        ),
        levels(
            "Errors of the clients",
            "Computers whose join task fails, by the symbol of the newest error in their log (domain controllers, "
            "proxies, TPMs); the runbook of hybrid_join.join_failing tells what to do.",
            "short",
            (queries.JOIN_ERRORS, "{{error}}"),
            links=links.of_detections("hybrid_join.join_failing"),
            width=6,
            steps=thresholds((None, "orange")),
        ),
        lines(
            "Rollout",
            "The joined share over time: a rollout that goes well ends at 100 %.",
            "percentunit",
            (queries.JOIN_SHARE, "joined"),
            links=_OF_FAMILY,
        ),
        stacked("Computers by stage", "Those that ought to join, by stage.", "short", *stages, links=_OF_FAMILY),
        levels(
            "Time in a stage",
            "Of the computers that came further within the time shown: how long half of them, and 95 % of them, stood "
            "in each stage. From certificate to registration 90 minutes are normal.",
            "s",
            (queries.stage_time(0.5, "$__range"), "{{stage}}, half"),
            (queries.stage_time(0.95, "$__range"), "{{stage}}, 95 %"),
            links=links.of_detections("hybrid_join.pending_stuck", "hybrid_join.not_synced"),
            no_value="nobody came further",
        ),
        lines(
            "Time in a stage, 95 % of the day before",
            "The same as a trend, each point over 24 hours.",
            "s",
            (queries.stage_time(0.95, "1d"), "{{stage}}"),
            links=links.of_detections("hybrid_join.pending_stuck", "hybrid_join.not_synced"),
            width=8,
            no_value="nobody came further",
        ),
        levels(
            "Time to join",
            "Of the computers that registered within the time shown: from their certificate (or their account, where "
            "none is needed) to the registration, for half, 95 % and 99 % of them. Up to 90 minutes are normal.",
            "s",
            *((queries.join_time(share, "$__range"), name) for share, name in _SHARES),
            links=_OF_FAMILY,
            steps=thresholds((None, "green"), (_NORMAL_S, "orange")),
            no_value="nobody joined",
        ),
        lines(
            "Time to join by system, 95 % of the day before",
            "From the certificate to the registration, each point over 24 hours.",
            "s",
            (queries.join_time_by_system(0.95, "1d"), "{{system}}"),
            links=_OF_FAMILY,
            width=8,
            limit=_NORMAL_S,
            no_value="nobody joined",
        ),
        levels(
            "Not joined by organisational unit",
            "Computers that ought to join and have not, in the units with most of them; units beyond the 50 largest of "
            "a worker count as (other). The desk names the computers.",
            "short",
            (queries.UNJOINED_BY_UNIT, "{{unit}}"),
            links=_OF_FAMILY,
            steps=thresholds((None, "orange")),
        ),
        levels(
            "Not joined by age",
            "Computers that ought to join and have not, by how long they could have: since their certificate began, or "
            "since their account was made.",
            "short",
            (queries.UNJOINED_BY_AGE, "{{age}}"),
            links=_OF_FAMILY,
            steps=thresholds((None, "orange")),
        ),
        stacked(
            "Not joined by system",
            "Computers that ought to join and have not, by operating system.",
            "short",
            (queries.NOT_JOINED_BY_SYSTEM, "{{system}}"),
            links=_OF_FAMILY,
            width=8,
            no_value="everybody joined",
        ),
    ]


def _now() -> list[Any]:
    return [
        number(
            step,
            f"Open findings: {', '.join(names)}.",
            "short",
            (queries.join_gaps(*names), "open"),
            links=_of(names),
            steps=WELL,
        )
        for step, names in STEPS.items()
    ]


def _of(names: tuple[str, ...]) -> links.Links:
    return links.of_detections(*(f"{_FAMILY}.{name}" for name in names))


def _over_time() -> list[Any]:
    return [
        stacked(
            "Gaps by step",
            "Computers and devices with an open finding; a rollout that goes well moves them down the list to nothing.",
            "short",
            *((queries.join_gaps(*names), step) for step, names in STEPS.items()),
            links=_OF_FAMILY,
        ),
        coloured(
            bars(
                "Gaps opened and closed",
                "How many findings opened and were resolved in each step. Tenant and forest do not apply here.",
                "short",
                (queries.transitions("opened", _FAMILY), "opened"),
                (queries.transitions("resolved", _FAMILY), "resolved"),
                links=_OF_FAMILY,
            ),
            CHANGE_COLOURS,
        ),
        lines(
            "Gaps by kind",
            "Open findings per detection, the ten with most.",
            "short",
            (queries.family_by("detection", _FAMILY), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        lines(
            "Age of the oldest gap",
            "Per detection: how long the finding that has stood longest has been open.",
            "s",
            (queries.family_age(_FAMILY), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        levels(
            "Time until a gap is closed",
            "Of the findings that were resolved within the time shown: how long half, 95 % and 99 % of them stood. "
            "Tenant and forest do not apply here.",
            "s",
            *((queries.resolution_time(share, _FAMILY), name) for share, name in _SHARES),
            links=_OF_FAMILY,
            no_value="nothing closed",
        ),
    ]
