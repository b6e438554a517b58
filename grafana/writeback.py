"""Dashboard "SyncHealth: writeback": passwords, groups and devices on their way back to Active Directory."""

from __future__ import annotations

from typing import Any

from grafana import links, queries
from grafana.pages import Row, page
from grafana.panels import BAD, WELL, bars, buckets, coloured, lines, number, stacked

UID = "synchealth-writeback"
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
        "writeback",
        UID,
        "Whether what is changed in the cloud lands in Active Directory: passwords, groups, devices.",
        (Row("Now", _now()), Row("Passwords", _passwords()), Row("Findings", _findings())),
    )


def _now() -> list[Any]:
    passwords = {title: (f"writeback.{name}",) for title, name in _PASSWORDS.items()}
    return [
        number(
            title,
            f"Open findings: {', '.join(names)}.",
            "short",
            (queries.open_of(*names), "open"),
            links=links.of_detections(*names),
            steps=BAD if names == _SERVICE else WELL,
        )
        for title, names in {"Service": _SERVICE, **passwords, **_OTHERS}.items()
    ]


def _passwords() -> list[Any]:
    metric = queries.DURATIONS["writeback"]
    return [
        lines(
            "Time to land",
            "From the request in the cloud to the new password in AD: median and the slowest five percent.",
            "s",
            (queries.wait(metric, 0.5, "kind"), "p50 {{kind}}"),
            (queries.wait(metric, 0.95, "kind"), "p95 {{kind}}"),
            links=links.of_detections("writeback.password_writeback_unconfirmed"),
            no_value="nothing landed yet",
        ),
        buckets(
            "Time to land, distribution",
            "How many passwords landed with which delay in each step.",
            "s",
            queries.heatmap(metric),
            links=links.of_detections("writeback.password_writeback_unconfirmed"),
        ),
        coloured(
            bars(
                "Landed and failed",
                "Password operations that landed in AD, and users whose operation failed, in each step.",
                "short",
                (queries.LANDED, "landed"),
                (queries.WRITEBACK_FAILED, "failed"),
                links=links.of_detections("writeback.password_writeback_failed"),
                no_value="no operation",
            ),
            {"landed": "green", "failed": "red"},
        ),
        lines(
            "Success rate",
            "Share of password operations of the last hour that landed. Tenant and forest do not apply to failures.",
            "percentunit",
            (queries.WRITEBACK_SUCCESS, "landed"),
            links=links.of_detections("writeback.password_writeback_failed"),
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
            links=links.of_detections("writeback.password_writeback_failed"),
            no_value="nobody",
        ),
        stacked(
            "Users who fail, by server",
            "The same by the Connect server that refused; unknown: only the cloud tells. One that stands out is ill.",
            "short",
            (queries.FAILING_BY_SERVER, "{{server}}"),
            links=links.of_detections("writeback.password_writeback_failed"),
            no_value="nobody",
        ),
        lines(
            "Open writeback findings",
            "By detection, the ten with most; the desk names users, groups, devices and servers.",
            "short",
            (queries.family_by("detection", "writeback"), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        lines(
            "Age of the oldest",
            "Per detection: how long the finding that has stood longest has been open.",
            "s",
            (queries.family_age("writeback"), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
    ]
