"""What a check returns: one fault per faulty attribute value, with every rule it breaks."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ErrorName(StrEnum):
    """What is wrong with a value. The first eight are IdFix's own names, with its meaning."""

    FORMAT = "Format"
    BLANK = "Blank"
    DUPLICATE = "Duplicate"
    CHARACTER = "Character"
    TOP_LEVEL_DOMAIN = "TopLevelDomain"
    DOMAIN_PART = "DomainPart"
    LOCAL_PART = "LocalPart"
    LENGTH = "Length"
    # the profile `entra` alone:
    UNVERIFIED_DOMAIN = "UnverifiedDomain"
    ADDRESS_MISMATCH = "AddressMismatch"
    PRIMARY_ADDRESS = "PrimaryAddress"
    TOO_MANY_VALUES = "TooManyValues"


class Action(StrEnum):
    """What IdFix proposes to do with the value; the profile `entra` always proposes Edit."""

    EDIT = "Edit"
    COMPLETE = "Complete"
    REMOVE = "Remove"


class Effect(StrEnum):
    """What the service does about a breach."""

    REJECTS = "rejects"
    REWRITES = "rewrites"
    DROPS = "drops"
    WARNS = "warns"
    REPORTED = "reported"
    """IdFix reports it; that says nothing about the service."""


class Breach(msgspec.Struct, frozen=True):
    """One rule that a value breaks.

    rule:      id of the rule, e.g. "MT-UPN-CHAR".
    errors:    one or several names (IdFix's mail-format rule gives several).
    judged:    the value as it stood when the rule ran: repaired by the rules before it.
    repaired:  what the rule hands on to the next; None where it can propose nothing.
    character, position: the first character at fault and its offset in `judged`, in UTF-16 units.
    length, limit: how long the value or part is, in UTF-16 units (or how many values), and the limit.
    holders:   DNs of the other objects that hold the value (uniqueness rules).
    forecast:  what the service will make of the value, where it rewrites it.
    """

    rule: str
    errors: tuple[ErrorName, ...]
    judged: str
    repaired: str | None
    character: str | None = None
    position: int | None = None
    length: int | None = None
    limit: int | None = None
    holders: tuple[str, ...] = ()
    action: Action = Action.EDIT
    effect: Effect = Effect.REPORTED
    forecast: str | None = None

    def describe(self) -> str:
        """One phrase for people: the error and what is at fault."""
        names = ", ".join(self.errors)
        if self.length is not None:
            return f"{names}: {self.length}, at most {self.limit}"
        if self.character is not None:
            return f"{names}: {self.character!r} at {self.position}"
        if self.holders:
            return f"{names}: also held by {'; '.join(self.holders)}"
        return names


class Fault(msgspec.Struct, frozen=True):
    """One faulty attribute value of one object.

    value:          as stored; None where the attribute is absent, or has too many values.
    proposed_value: what the chain of repairs ends in; None where nothing can be proposed. A suggestion
                    for a person: nothing here ever writes to a directory.
    proposed_value_holders: DNs of objects that already hold, or are offered, the proposed value.
    """

    dn: str
    common_name: str
    object_class: str
    attribute: str
    value: str | None
    breaches: tuple[Breach, ...]
    proposed_value: str | None
    proposed_action: Action
    profile: str
    proposed_value_holders: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[ErrorName, ...]:
        """Every error name once, in the order the rules found them."""
        return tuple(dict.fromkeys(error for breach in self.breaches for error in breach.errors))

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the broken rules, in the order they ran."""
        return tuple(breach.rule for breach in self.breaches)

    @property
    def holders(self) -> tuple[str, ...]:
        """DNs of the other holders of a value that must be unique."""
        return tuple(dict.fromkeys(dn for breach in self.breaches for dn in breach.holders))

