"""What the reader of one provider's texts hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from streams.contracts.events import Result


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a Windows event says; one event of the batch kinds says several."""

    result: Result | None = None
    reason: str | None = None
    entra_id: str | None = None
    source_anchor: str | None = None
    user_principal_name: str | None = None
    initiator: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
