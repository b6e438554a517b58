"""Values of records in words, for people."""

from __future__ import annotations

_VALUE_CHARACTERS = 300


def in_words(value: object) -> str:
    """An attribute's or evidence's value; long ones are cut."""
    if value is None or value == []:
        return "(none)"
    if isinstance(value, dict):
        words = " ".join(f"{name.replace('_', ' ')} {in_words(item)}" for name, item in value.items())
    elif isinstance(value, list):
        words = ("; " if isinstance(value[0], dict) else ", ").join(map(in_words, value))
    else:
        words = str(value)
    return words if len(words) <= _VALUE_CHARACTERS else f"{words[:_VALUE_CHARACTERS]}…"
