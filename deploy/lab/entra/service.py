"""What every Graph handler works with: the tenants, the faults in force and the page sizes."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.lab.entra.delta_pages import PageLimits
from deploy.lab.entra.faults import Faults
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.entra.throttling import Throttling


@dataclass(slots=True)
class GraphService:
    """The state of one lab Graph; `tenants` by their GUID."""

    tenants: dict[str, TenantStore]
    faults: Faults = field(default_factory=Faults)
    throttling: Throttling = field(default_factory=lambda: Throttling(None))
    limits: PageLimits = field(default_factory=PageLimits)
