"""The engine: rules, chains of rules, and how a chain judges one value.

A profile is a set of chains, one per attribute. The rules of a chain run in order; a rule that fails hands
its repaired value to the next, so that one value gets one fault with every broken rule and one proposal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from streams.hygiene.faults import Action, Breach, ErrorName
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.tenant import TenantContext

Check = Callable[[str, DirectoryObject, TenantContext], Breach | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One pure rule over one value. `check` returns None where the value keeps the rule.

    source: where the rule is written down.
    """

    id: str
    attribute: str
    errors: tuple[ErrorName, ...]
    source: str
    check: Check


Claim = tuple[str, str]
"""One object's hold on a value that must be unique: (namespace, folded value)."""


@dataclass(frozen=True, slots=True)
class UniqueRule:
    """A value must be held by one object only. Needs to know the other objects, so it has no check.

    claim:   the value as it stands in the chain -> what it claims.
    applies: whether this object takes part; None: every object does.
    action:  what to propose about a duplicate.
    """

    id: str
    attribute: str
    source: str
    claim: Callable[[str], Claim]
    applies: Callable[[DirectoryObject], bool] | None
    action: Callable[[str, DirectoryObject], Action]
    errors: tuple[ErrorName, ...] = (ErrorName.DUPLICATE,)


class Uniqueness(Protocol):
    """What is known of the other objects, seen from the object that is being checked."""

    def contested(self, claim: Claim) -> tuple[str, ...] | None:
        """DNs of the other holders if this object's claim is at fault, else None. Asked once per value."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The rules of one attribute, in run order.

    rules:       the stored value -> the rules to run on it.
    clean:       a cheap test on the stored value; True only if every `check` of `rules(value)` passes.
    every_value: all values of the attribute are judged, not the first alone.
    absent:      the rule for an object without the attribute, given the value "".
    applies:     whether the chain runs for this object.
    unique:      the uniqueness rule among them, if there is one.
    """

    attribute: str
    all_rules: tuple[Rule | UniqueRule, ...]
    rules: Callable[[str], tuple[Rule | UniqueRule, ...]]
    clean: Callable[[str, TenantContext], bool]
    every_value: bool = False
    absent: Rule | None = None
    applies: Callable[[DirectoryObject, TenantContext], bool] | None = None
    unique: UniqueRule | None = None


@dataclass(frozen=True, slots=True)
class ObjectRule:
    """A rule over several values of one object: gives the value (None: the attribute as a whole) and its breach."""

    id: str
    attribute: str
    errors: tuple[ErrorName, ...]
    source: str
    check: Callable[[DirectoryObject, TenantContext], Iterable[tuple[str | None, Breach]]]


_Step = tuple[str, Chain, Callable[[str, TenantContext], bool], Callable[[str], Claim] | None]


def _step(chain: Chain) -> _Step:
    """What every object needs of a chain, unpacked; the claim only where every object makes it."""
    always = chain.unique.claim if chain.unique is not None and chain.unique.applies is None else None
    return chain.attribute, chain, chain.clean, always


@dataclass(frozen=True, slots=True)
class Profile:
    """A rule book.

    skip:       the id of the rule that leaves an object out, None if it is to be checked.
    later_only: only the later of two holders is at fault, as a scan meets them (IdFix); else all are.
    echoes:     whatever the chain ends in is proposed, be it the value itself or still wrong (IdFix);
                else a proposal differs from the value and is well formed.
    plain:      a cheap test; True only if no rule of `object_rules` finds anything.
    attributes: what must be read from the directory.
    ldap_filter: which objects IdFix or Entra Connect would look at.
    plan:       the chains as a scan walks them.
    """

    name: str
    chains: tuple[Chain, ...]
    object_rules: tuple[ObjectRule, ...]
    plain: Callable[[DirectoryObject], bool]
    skip: Callable[[DirectoryObject], str | None]
    later_only: bool
    echoes: bool
    attributes: tuple[str, ...]
    ldap_filter: str
    plan: tuple[_Step, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", tuple(_step(chain) for chain in self.chains))

    @property
    def catalogue(self) -> tuple[Rule | UniqueRule | ObjectRule, ...]:
        """Every rule of the profile, for documentation and tests."""
        chained = [rule for chain in self.chains for rule in chain.all_rules]
        chained += [chain.absent for chain in self.chains if chain.absent and chain.absent not in chained]
        return (*chained, *self.object_rules)


def chain_of(
    attribute: str,
    rules: tuple[Rule | UniqueRule, ...],
    clean: Callable[[str, TenantContext], bool],
    *,
    absent: Rule | None = None,
    applies: Callable[[DirectoryObject, TenantContext], bool] | None = None,
) -> Chain:
    """A chain whose rules do not depend on the value, over the first value of an attribute."""
    unique = next((rule for rule in rules if isinstance(rule, UniqueRule)), None)
    return Chain(attribute, rules, lambda _value: rules, clean, absent=absent, applies=applies, unique=unique)


def check_value(
    chain: Chain,
    value: str,
    subject: DirectoryObject,
    tenant: TenantContext,
    uniqueness: Uniqueness | None,
) -> tuple[Breach, ...]:
    """Run a chain over one stored value. Without `uniqueness` the uniqueness rules are left out."""
    breaches: list[Breach] = []
    current = value
    for rule in chain.rules(value):
        if isinstance(rule, Rule):
            breach = rule.check(current, subject, tenant)
        elif uniqueness is None:
            continue
        else:
            breach = _judge_unique(rule, current, subject, uniqueness)
        if breach is not None:
            breaches.append(breach)
            if breach.repaired is not None:
                current = breach.repaired
    return tuple(breaches)


def claim_of_value(chain: Chain, value: str, subject: DirectoryObject, tenant: TenantContext) -> Claim | None:
    """What one stored value claims, with the repairs of the rules that run before the uniqueness rule."""
    if chain.unique is None or (chain.unique.applies is not None and not chain.unique.applies(subject)):
        return None
    current = value
    for rule in chain.rules(value):
        if isinstance(rule, UniqueRule):
            break
        if (breach := rule.check(current, subject, tenant)) is not None and breach.repaired is not None:
            current = breach.repaired
    return chain.unique.claim(current)


def _judge_unique(rule: UniqueRule, current: str, subject: DirectoryObject, uniqueness: Uniqueness) -> Breach | None:
    if rule.applies is not None and not rule.applies(subject):
        return None
    holders = uniqueness.contested(rule.claim(current))
    if holders is None:
        return None
    return Breach(rule.id, rule.errors, current, current, holders=holders, action=rule.action(current, subject))
