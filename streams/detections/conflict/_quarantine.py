"""What both quarantines, and those that look for them, have in common.

Source: Microsoft, "Identity synchronization and duplicate attribute resiliency": a task in the service looks once an
hour for values that are free again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.views.identity.object_view import ObjectView
from streams.views.sides import Side

HEALS_WITHIN_S = 5400
"""How long a quarantine may outlive its conflict: the cycle that exports the repair, and the service's hour."""


def errors_without_value(view: ObjectView) -> Iterator[tuple[Side, dict[str, Any]]]:
    """The provisioning errors of the Entra objects that name no usable value, so that no address view hears of them."""
    for side in view.entra:
        errors = side.attributes.get("onPremisesProvisioningErrors")
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict) and not (isinstance(error.get("value"), str) and error["value"].strip()):
                yield side, error
