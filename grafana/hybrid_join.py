"""Dashboard "SyncHealth: hybrid join": where computers stop on their way to a registered device."""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.pages import page
from grafana.panels import bars, coloured, levels, lines, number, stacked, thresholds
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
_EVERY = tuple(name for names in STEPS.values() for name in names)
_SHARES = ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
_WELL = thresholds((None, "green"), (1, "orange"))


def build() -> Any:
    """The dashboard's model."""
    return page(
        "SyncHealth: hybrid join",
        UID,
        "Gaps on the way from a computer in Active Directory to a registered device in Entra ID.",
        (("Rollout", _rollout()), ("Gaps now", _now()), ("Gaps over time", _over_time())),
        since="now-7d",
    )


def _rollout() -> list[Any]:
    stages = tuple((queries.computers(stage), stage) for stage in STAGES)
    return [
        number(
            "Joined",
            "Registered or active, of all computers that ought to join; those that need not are counted apart.",
            "percentunit",
            (queries.JOIN_SHARE, ""),
            steps=thresholds((None, "orange"), (0.95, "yellow"), (1, "green")),
            no_value="no computer",
        ).height(8),
        levels("Funnel", "Computers by the stage they stand in; each comes from the one above.", "short", *stages),
        levels(
            "Not counted",
            "Why computers do not count: no supported system, disabled, out of scope, not seen for long, not planned.",
            "short",
            (queries.NOT_COUNTED, "{{stage}}"),
            width=6,
            steps=thresholds((None, "text")),
        ),
        levels(
            "Errors of the clients",
            "Computers whose join task fails, by the symbol of the newest error in their log (domain controllers, "
            "proxies, TPMs); the runbook of hybrid_join.join_failing tells what to do.",
            "short",
            (queries.JOIN_ERRORS, "{{error}}"),
            width=6,
            steps=thresholds((None, "orange")),
        ),
        lines(
            "Rollout",
            "The joined share over time: a rollout that goes well ends at 100 %.",
            "percentunit",
            (queries.JOIN_SHARE, "joined"),
        ),
        stacked("Computers by stage", "Those that ought to join, by stage.", "short", *stages),
        levels(
            "Time in a stage",
            "Of the computers that came further within the time shown: how long half of them, and 95 % of them, stood "
            "in each stage. From certificate to registration 90 minutes are normal.",
            "s",
            (queries.stage_time(0.5, "$__range"), "{{stage}}, half"),
            (queries.stage_time(0.95, "$__range"), "{{stage}}, 95 %"),
        ),
        lines(
            "Time in a stage, 95 % of the day before",
            "The same as a trend, each point over 24 hours.",
            "s",
            (queries.stage_time(0.95, "1d"), "{{stage}}"),
            width=8,
        ),
        levels(
            "Time to join",
            "Of the computers that registered within the time shown: from their certificate (or their account, where "
            "none is needed) to the registration, for half, 95 % and 99 % of them. Up to 90 minutes are normal.",
            "s",
            *((queries.join_time(share, "$__range"), name) for share, name in _SHARES),
        ),
        lines(
            "Time to join by system, 95 % of the day before",
            "From the certificate to the registration, each point over 24 hours.",
            "s",
            (queries.join_time_by_system(0.95, "1d"), "{{system}}"),
            width=8,
        ),
        levels(
            "Not joined by organisational unit",
            "Computers that ought to join and have not, in the units with most of them; units beyond the 50 largest of "
            "a worker count as (other). `synchealth findings --family hybrid_join --group-by ou` names the computers.",
            "short",
            (queries.UNJOINED_BY_UNIT, "{{unit}}"),
            steps=thresholds((None, "orange")),
        ),
        levels(
            "Not joined by age",
            "Computers that ought to join and have not, by how long they could have: since their certificate began, or "
            "since their account was made.",
            "short",
            (queries.UNJOINED_BY_AGE, "{{age}}"),
            steps=thresholds((None, "orange")),
        ),
        stacked(
            "Not joined by system",
            "Computers that ought to join and have not, by operating system.",
            "short",
            (queries.NOT_JOINED_BY_SYSTEM, "{{system}}"),
            width=8,
        ),
    ]


def _now() -> list[Any]:
    return [
        number(step, f"Open findings: {', '.join(names)}.", "short", (queries.join_gaps(*names), ""), steps=_WELL)
        for step, names in STEPS.items()
    ]


def _over_time() -> list[Any]:
    return [
        stacked(
            "Gaps by step",
            "Computers and devices with an open finding; a rollout that goes well moves them down the list to nothing.",
            "short",
            *((queries.join_gaps(*names), step) for step, names in STEPS.items()),
        ),
        coloured(
            bars(
                "Gaps opened and closed",
                "How many findings opened and were resolved in each step. Tenant and forest do not apply here.",
                "short",
                (queries.join_transitions("opened"), "opened"),
                (queries.join_transitions("resolved"), "resolved"),
            ),
            {"opened": "red", "resolved": "green"},
        ),
        lines(
            "Gaps by kind",
            "Open findings per detection; `synchealth findings --family hybrid_join --group-by ou` names the units.",
            "short",
            *((queries.join_gaps(name), name) for name in _EVERY),
        ),
        lines(
            "Age of the oldest gap",
            "Per step: how long the finding that has stood longest has been open.",
            "s",
            *((queries.join_gap_age(*names), step) for step, names in STEPS.items()),
        ),
        levels(
            "Time until a gap is closed",
            "Of the findings that were resolved within the time shown: how long half, 95 % and 99 % of them stood. "
            "Tenant and forest do not apply here.",
            "s",
            *((queries.join_resolution(share), name) for share, name in _SHARES),
        ),
    ]
