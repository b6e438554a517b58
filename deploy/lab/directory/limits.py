"""The LDAP policies of a domain controller and the faults a test may put into it."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.lab.directory.results import ResultCode


@dataclass(frozen=True, slots=True)
class Limits:
    """Windows' defaults; smaller ones let a small directory show what a large one does.

    `dirsync_link_values` is how many link values one DirSync response carries: a bigger change of a group is split over
    several responses. `idle_s`: seconds of silence after which a connection is closed.

    Source: MS-ADTS 3.1.1.3.4.6 (LDAP policies).
    """

    max_page_size: int = 1000
    max_val_range: int = 1500
    max_notifications_per_connection: int = 5
    max_result_sets_per_connection: int = 10
    max_receive_octets: int = 10 * 1024 * 1024
    idle_s: float = 900
    dirsync_objects: int = 1000
    dirsync_link_values: int = 1500

    def policies(self) -> list[tuple[str, int]]:
        """Return the policies as the rootDSE names them."""
        return [
            ("MaxPageSize", self.max_page_size),
            ("MaxValRange", self.max_val_range),
            ("MaxNotificationPerConn", self.max_notifications_per_connection),
            ("MaxResultSetsPerConn", self.max_result_sets_per_connection),
            ("MaxReceiveBuffer", self.max_receive_octets),
            ("MaxConnIdleTime", int(self.idle_s)),
            ("MaxQueryDuration", 120),
        ]


@dataclass(slots=True)
class Faults:
    """What goes wrong, from now on and until it is set back; may be changed while the server runs.

    delay_s: wait before each answer.
    refuse_binds: every bind fails as if the password were wrong.
    fail_with: every operation but bind fails with this code, e.g. BUSY or UNAVAILABLE.
    drop_after_entries: cut the connection in the middle of a search, after this many entries of one response.
    """

    delay_s: float = 0.0
    refuse_binds: bool = False
    fail_with: ResultCode | None = None
    drop_after_entries: int | None = None

    def clear(self) -> None:
        """Let everything work again."""
        self.delay_s, self.refuse_binds, self.fail_with, self.drop_after_entries = 0.0, False, None, None
