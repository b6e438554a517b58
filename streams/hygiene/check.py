"""Check one object against a profile. Pure: the same object, profile and tenant give the same faults.

Used by the streaming detections on every change, and by the one-shot scan on every object.
"""

from __future__ import annotations

from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Claim, Profile, Uniqueness, check_value, claim_of_value
from streams.hygiene.tenant import TenantContext

_OF_FORM = frozenset(
    {
        ErrorName.FORMAT,
        ErrorName.CHARACTER,
        ErrorName.LENGTH,
        ErrorName.LOCAL_PART,
        ErrorName.DOMAIN_PART,
        ErrorName.BLANK,
    }
)


def check(
    subject: DirectoryObject,
    profile: Profile,
    tenant: TenantContext,
    uniqueness: Uniqueness | None = None,
) -> tuple[Fault, ...]:
    """The faults of one object, in the profile's order: one per faulty attribute value.

    Without `uniqueness` the rules that need the other objects are left out; the rest is the same.
    """
    if profile.skip(subject) is not None:
        return ()
    found: dict[tuple[str, str | None], tuple[Breach, ...]] = {}
    attributes = subject.attributes
    for chain in profile.chains:
        values = attributes.get(chain.attribute)
        if not values:
            if chain.absent is not None and (breach := chain.absent.check("", subject, tenant)) is not None:
                found[chain.attribute, None] = (breach,)
            continue
        checked_alone = uniqueness is None or chain.unique is None
        for value in values if chain.every_value else values[:1]:
            if checked_alone and chain.clean(value, tenant):
                continue
            if chain.applies is not None and not chain.applies(subject, tenant):
                continue
            breaches = check_value(chain, value, subject, tenant, uniqueness)
            if breaches:
                found[chain.attribute, value] = breaches
    for rule in () if profile.plain(subject) else profile.object_rules:
        for faulty, breach in rule.check(subject, tenant):
            found[rule.attribute, faulty] = (*found.get((rule.attribute, faulty), ()), breach)
    if not found:
        return ()
    return tuple(
        _fault(subject, profile, tenant, attribute, value, breaches) for (attribute, value), breaches in found.items()
    )


def survey(subject: DirectoryObject, profile: Profile, tenant: TenantContext) -> tuple[list[Claim], bool]:
    """What the object claims for itself alone, and whether `check` without uniqueness surely finds nothing.

    The claims are those of the values as the rules before the uniqueness rule leave them; the same claim may
    stand twice where IdFix would see it twice. A False verdict may be wrong, a True one is not.
    """
    found: list[Claim] = []
    if profile.skip(subject) is not None:
        return found, True
    attributes = subject.attributes
    clean = profile.plain(subject)
    for attribute, chain, is_clean, claim in profile.plan:
        values = attributes.get(attribute)
        if not values:
            if chain.absent is not None:
                clean = False
            continue
        if chain.applies is not None and not chain.applies(subject, tenant):
            continue
        for value in values if chain.every_value else (values[0],):
            if is_clean(value, tenant):
                if claim is not None:
                    found.append(claim(value))
                    continue
            else:
                clean = False
            if chain.unique is not None and (claimed := claim_of_value(chain, value, subject, tenant)) is not None:
                found.append(claimed)
    return (found if profile.later_only else list(dict.fromkeys(found))), clean


def _fault(
    subject: DirectoryObject,
    profile: Profile,
    tenant: TenantContext,
    attribute: str,
    value: str | None,
    breaches: tuple[Breach, ...],
) -> Fault:
    repairs = [breach.repaired for breach in breaches if breach.repaired is not None]
    proposed = repairs[-1] if repairs else None
    if (
        not profile.echoes
        and proposed is not None
        and not _is_better(proposed, value, subject, profile, tenant, attribute)
    ):
        proposed = None
    return Fault(
        dn=subject.dn,
        common_name=subject.common_name,
        object_class=subject.object_classes[-1] if subject.object_classes else "",
        attribute=attribute,
        value=value,
        breaches=breaches,
        proposed_value=proposed,
        proposed_action=breaches[-1].action,
        profile=profile.name,
    )


def _is_better(
    proposed: str, value: str | None, subject: DirectoryObject, profile: Profile, tenant: TenantContext, attribute: str
) -> bool:
    """Whether the proposal differs from the value and has no error of form left."""
    if proposed == value:
        return False
    for chain in profile.chains:
        if chain.attribute == attribute:
            if chain.clean(proposed, tenant):
                return True
            left = check_value(chain, proposed, subject, tenant, None)
            return not any(_OF_FORM.intersection(breach.errors) for breach in left)
    return True
