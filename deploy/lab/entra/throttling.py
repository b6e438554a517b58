"""The limits of Graph's identity and reporting workloads, per application and tenant.

Source: Microsoft Graph throttling limits: a bucket of resource units refilled over ten
seconds for identity and access (3500, 5000 or 8000 by tenant size); five requests in ten
seconds for the identity and access reports.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Workload = Literal["identity", "reports"]

WINDOW_S: Final = 10.0
_REPORT_REQUESTS = 5.0


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call did to its bucket: share used (1.0 = full), and the wait if it was refused."""

    used: float
    retry_after_s: int | None


class Throttling:
    """Buckets by workload, application and tenant; `scale` multiplies every limit, None switches off."""

    def __init__(self, scale: float | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.scale = scale
        self._monotonic = monotonic
        self._levels: dict[tuple[Workload, str, str], tuple[float, float]] = {}

    def charge(self, workload: Workload, cost: int, client_id: str, tenant_id: str, users: int) -> Charge:
        """Take `cost` from the caller's bucket; `users` gives the size of the tenant."""
        if self.scale is None:
            return Charge(0.0, None)
        limit = _REPORT_REQUESTS if workload == "reports" else _identity_limit(users)
        limit = max(1.0, limit * self.scale)
        now = self._monotonic()
        level, since = self._levels.get((workload, client_id, tenant_id), (0.0, now))
        level = max(0.0, level - (now - since) * limit / WINDOW_S)
        refused = level + cost > limit
        if not refused:
            level += cost
        self._levels[workload, client_id, tenant_id] = (level, now)
        wait = math.ceil((level + cost - limit) * WINDOW_S / limit) if refused else None
        return Charge(level / limit, None if wait is None else max(1, wait))


def _identity_limit(users: int) -> float:
    if users < 50:
        return 3500.0
    return 5000.0 if users <= 500 else 8000.0


def resource_units(base: int, options: Mapping[str, str]) -> int:
    """Return the cost of a call: `$select` and a small `$top` make it cheaper, `$expand` dearer."""
    cost = base - ("select" in options) + ("expand" in options)
    if options.get("top", "").isdigit() and int(options["top"]) < 20:
        cost -= 1
    return max(1, cost)
