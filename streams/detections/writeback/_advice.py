"""What to do about a password that did not come to AD, by the class of the failure and by what exactly it was.

The sentences are data with their sources: streams/reference_data/password_advice.toml.
"""

from __future__ import annotations

from streams.reference_data.password_advice import advice_on
from streams.reference_data.writeback_errors import ErrorClass

_ADVICE = advice_on("writeback")


def advice_of(error: ErrorClass, detail: str | None) -> str | None:
    """What to do; None where the class calls for nothing."""
    return _ADVICE.get(detail or "") or _ADVICE.get(error)
