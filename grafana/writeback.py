"""Dashboard "SyncHealth: writeback": passwords, groups and devices on their way back to Active Directory."""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.pages import page
from grafana.panels import bars, buckets, coloured, lines, number, stacked, thresholds

UID = "synchealth-writeback"
_WELL = thresholds((None, "green"), (1, "orange"))
_BAD = thresholds((None, "green"), (1, "red"))
_SERVICE = ("writeback.writeback_service_down", "writeback.password_writeback_disabled")
_PASSWORDS = {
    "Failed": "password_writeback_failed",
    "Unconfirmed": "password_writeback_unconfirmed",
    "Passwords differ": "password_split_brain",
}
_OTHERS = {
    "Groups": ("writeback.group_writeback_missing", "writeback.group_writeback_failed", "writeback.group_frozen"),
    "Devices": ("writeback.device_writeback_missing", "writeback.device_writeback_mismatch"),
}


def build() -> Any:
    """The dashboard's model."""
    return page(
        "SyncHealth: writeback",
        UID,
        "Whether what is changed in the cloud lands in Active Directory: passwords, groups, devices.",
        (("Now", _now()), ("Passwords", _passwords()), ("Findings", _findings())),
    )


def _now() -> list[Any]:
    service = number(
        "Service", f"Open findings: {', '.join(_SERVICE)}.", "short", (queries.open_of(*_SERVICE), ""), steps=_BAD
    )
    passwords = [
        number(title, f"Users with an open {name}.", "short", (queries.open_of(f"writeback.{name}"), ""), steps=_WELL)
        for title, name in _PASSWORDS.items()
    ]
    others = [
        number(title, f"Open findings: {', '.join(names)}.", "short", (queries.open_of(*names), ""), steps=_WELL)
        for title, names in _OTHERS.items()
    ]
    return [service, *passwords, *others]


def _passwords() -> list[Any]:
    metric = queries.DURATIONS["writeback"]
    return [
        lines(
            "Time to land",
            "From the request in the cloud to the new password in AD: median and the slowest five percent.",
            "s",
            (queries.wait(metric, 0.5, "kind"), "p50 {{kind}}"),
            (queries.wait(metric, 0.95, "kind"), "p95 {{kind}}"),
            no_value="nothing landed yet",
        ),
        buckets(
            "Time to land, distribution",
            "How many passwords landed with which delay in each step.",
            "s",
            queries.heatmap(metric),
        ),
        coloured(
            bars(
                "Landed and failed",
                "Password operations that landed in AD, and users whose operation failed, in each step.",
                "short",
                (queries.LANDED, "landed"),
                (queries.WRITEBACK_FAILED, "failed"),
            ),
            {"landed": "green", "failed": "red"},
        ),
        lines(
            "Success rate",
            "Share of password operations of the last hour that landed. Tenant and forest do not apply to failures.",
            "percentunit",
            (queries.WRITEBACK_SUCCESS, "landed"),
            no_value="no operation in the last hour",
        ),
    ]


def _findings() -> list[Any]:
    return [
        stacked(
            "Users who fail, by class",
            "Users whose latest password operation failed, by what it failed for; one counts until the next success.",
            "short",
            (queries.FAILING_BY_CLASS, "{{class}}"),
            no_value="nobody",
        ),
        stacked(
            "Users who fail, by server",
            "The same by the Connect server that refused; unknown: only the cloud tells. One that stands out is ill.",
            "short",
            (queries.FAILING_BY_SERVER, "{{server}}"),
            no_value="nobody",
        ),
        lines(
            "Open writeback findings",
            "By detection; `synchealth findings --family writeback` names users, groups, devices and servers.",
            "short",
            (queries.family_by_detection("writeback"), "{{detection}}"),
            no_value="nothing open",
        ),
        lines(
            "Age of the oldest",
            "Per detection: how long the finding that has stood longest has been open.",
            "s",
            (queries.family_age("writeback"), "{{detection}}"),
            no_value="nothing open",
        ),
    ]
