"""Why password hash synchronisation fails: what the code, the sentence or the id of an event tells.

Event 611 has an error of RPC or of directory replication (Windows system error codes); 652, 655 and 6900 have an error
of Entra ID's provisioning service. The numbers of the two overlap in nothing but their form.

The codes themselves are data with their sources: streams/reference_data/password_hash_errors.toml.
"""

from __future__ import annotations

from streams.contracts.events import Event
from streams.reference_data.password_advice import advice_on
from streams.reference_data.password_hash_errors import HashCode, HashError, rows_of

__all__ = ["ADVICE", "HashError", "hash_error", "meaning_of"]

_OF_A_DOMAIN = "611"
_SYSTEM, _SERVICE, _WORDS, _EVENTS = rows_of("system"), rows_of("service"), rows_of("text"), rows_of("event")
ADVICE = {HashError(cause): advice for cause, advice in advice_on("hash").items()}


def hash_error(event: Event) -> HashError:
    """The class of the failure that an event tells of, by its code, else its sentence, else its id."""
    number, known = _number(event), _known(event)
    reason = (event.reason or "").lower()
    if known is None and number != _OF_A_DOMAIN:
        known = next((row for words, row in _WORDS.items() if words in reason), None)
    known = known or _EVENTS.get(number)
    return known.kind if known is not None else HashError.OTHER


def is_busy(event: Event) -> bool:
    """Whether it is a try that found the service busy, which is repeated by itself."""
    return event.name.startswith("directory synchronization/") and hash_error(event) is HashError.BUSY


def meaning_of(event: Event) -> str | None:
    """What its code means; None: it has none, or one that we do not know."""
    known = _known(event)
    return known.meaning if known is not None else None


def _known(event: Event) -> HashCode | None:
    table = _SYSTEM if _number(event) == _OF_A_DOMAIN else _SERVICE
    return table.get(str(event.details.get("error_code") or ""))


def _number(event: Event) -> str:
    return event.name.rpartition("/")[2]
