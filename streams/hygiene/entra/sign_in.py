"""userPrincipalName in the profile `entra`.

Source: "Prepare for directory synchronization", section 2 (form, characters, lengths) and
"Microsoft Entra UserPrincipalName population" (what an unusable UPN is rewritten to; domain.md section 2.5).
"""

from __future__ import annotations

import re

from streams.hygiene.domains import repaired_domain
from streams.hygiene.entra import sources
from streams.hygiene.entra.addresses import claim_address, primary_address
from streams.hygiene.entra.forecast import forecast_sign_in_name
from streams.hygiene.entra.steps import unique
from streams.hygiene.faults import Breach, Effect, ErrorName
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Chain, Rule, chain_of
from streams.hygiene.tenant import TenantContext
from streams.hygiene.text import ascii_letters_of, longer_than, utf16_cut, utf16_length, utf16_position

NAME = "userPrincipalName"
LOCAL_LIMIT, DOMAIN_LIMIT = 64, 48
"""In UTF-16 units; with the @ they make the published 113 in all."""

# The page lists what is allowed and what is barred; what is on neither list ($ and the backtick) is barred
# here, because "any invalid character" costs the user the whole name.
_ALLOWED = "A-Za-z0-9'._!#^~-"
_OUTSIDE = re.compile(rf"[^{_ALLOWED}]")
_CLEAN_LOCAL = re.compile(r"[A-Za-z0-9'_!#^~-]+(?:\.[A-Za-z0-9'_!#^~-]+)*").fullmatch


def sign_in_chain() -> Chain:
    """The chain: unique, length, one @, characters, dots, suffix well formed, routable, verified."""
    rules = (
        unique("EN-UPN-DUP", NAME, sources.RESILIENCY, claim_address),
        Rule("EN-UPN-LEN", NAME, (ErrorName.LENGTH,), sources.PREPARE, _judge_length),
        Rule("EN-UPN-AT", NAME, (ErrorName.FORMAT,), sources.PREPARE, _judge_sign),
        Rule("EN-UPN-CHAR", NAME, (ErrorName.CHARACTER,), sources.PREPARE, _judge_characters),
        Rule("EN-UPN-DOT", NAME, (ErrorName.LOCAL_PART,), sources.PREPARE, _judge_dots),
        Rule("EN-UPN-SUFFIX", NAME, (ErrorName.DOMAIN_PART,), sources.PREPARE, _judge_suffix),
        Rule("EN-UPN-TLD", NAME, (ErrorName.TOP_LEVEL_DOMAIN,), sources.PREPARE, _judge_routable),
        Rule("EN-UPN-VERIFIED", NAME, (ErrorName.UNVERIFIED_DOMAIN,), sources.UPN_POPULATION, _judge_verified),
    )
    return chain_of(NAME, rules, is_clean_sign_in_name)


def is_clean_sign_in_name(value: str, tenant: TenantContext) -> bool:
    """Whether no rule on the value alone has anything against it."""
    local, _, domain = value.rpartition("@")
    return (
        len(domain) <= DOMAIN_LIMIT
        and len(local) <= LOCAL_LIMIT
        and _CLEAN_LOCAL(local) is not None
        and tenant.domain(domain).clean
        and domain.isascii()
    )


def is_valid_sign_in_name(value: str, tenant: TenantContext) -> bool:
    """Whether Entra accepts the name as one, apart from the question whose domain it is."""
    local, _, domain = value.rpartition("@")
    return (
        _CLEAN_LOCAL(local) is not None
        and len(local) <= LOCAL_LIMIT  # it is ASCII
        and not longer_than(domain, DOMAIN_LIMIT)
        and tenant.domain(domain).well_formed
    )


def _breach(
    rule: str, error: ErrorName, value: str, repaired: str | None, subject: DirectoryObject,
    tenant: TenantContext, index: int | None = None,
) -> Breach:  # fmt: skip
    shown = index is not None and index < len(value)
    return Breach(
        rule, (error,), value, repaired,
        character=value[index] if shown and index is not None else None,
        position=None if index is None else utf16_position(value, index),
        effect=Effect.REWRITES, forecast=forecast_sign_in_name(subject, tenant),
    )  # fmt: skip


def _judge_length(value: str, _subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    parts = (
        (local if at else value, LOCAL_LIMIT),
        (domain if at else "", DOMAIN_LIMIT),
    )
    for part, limit in parts:
        units = utf16_length(part)
        if units > limit:
            cut = utf16_cut(local if at else value, LOCAL_LIMIT).rstrip(".") + (at + domain if at else "")
            return Breach(
                "EN-UPN-LEN", (ErrorName.LENGTH,), value, cut if cut != value else None,
                length=units, limit=limit, effect=Effect.REJECTS,
            )  # fmt: skip
    return None


def _judge_sign(value: str, subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    if at and local and domain and "@" not in local:
        return None
    if at:
        index = local.find("@") if "@" in local else len(local)
        kept = local.replace("@", "")
    else:
        index, kept, domain = len(value), value, tenant.preferred_domain or ""
    repaired = f"{kept}@{domain}" if kept and domain else None
    return _breach("EN-UPN-AT", ErrorName.FORMAT, value, repaired, subject, tenant, index)


def _judge_characters(value: str, subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    match = _OUTSIDE.search(local if at else value)
    if match is None:
        return None
    kept = utf16_cut(_OUTSIDE.sub("", ascii_letters_of(local if at else value)), LOCAL_LIMIT)
    repaired = kept + at + domain if kept.strip(".") else None
    return _breach("EN-UPN-CHAR", ErrorName.CHARACTER, value, repaired, subject, tenant, match.start())


def _judge_dots(value: str, subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    if not at:
        return None
    kept = ".".join(part for part in local.split(".") if part)
    if kept == local:
        return None
    doubled = local.find("..")
    index = 0 if local.startswith(".") else doubled + 1 if doubled >= 0 else len(local) - 1
    repaired = kept + at + domain if kept else None
    return _breach("EN-UPN-DOT", ErrorName.LOCAL_PART, value, repaired, subject, tenant, index)


def _judge_suffix(value: str, subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    if not at or not domain or tenant.domain(domain).well_formed:
        return None
    kept = repaired_domain(domain)
    repaired = f"{local}@{kept}" if kept and tenant.domain(kept).well_formed else None
    return _breach("EN-UPN-SUFFIX", ErrorName.DOMAIN_PART, value, repaired, subject, tenant, len(local) + 1)


def _judge_routable(value: str, subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    if not at or not domain:
        return None
    verdict = tenant.domain(domain)
    if verdict.routable or not verdict.well_formed:
        return None
    last = len(local) + 1 + domain.rfind(".") + 1
    # the proposal keeps the suffix: the next rule, which knows the tenant, replaces it
    proposal = None if tenant.verified_domains is not None else _with_known_domain(local, subject, tenant)
    return _breach("EN-UPN-TLD", ErrorName.TOP_LEVEL_DOMAIN, value, proposal, subject, tenant, last)


def _judge_verified(value: str, subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    if not at or not domain or tenant.domain(domain).verified:
        return None
    proposal = _with_known_domain(local, subject, tenant)
    return _breach("EN-UPN-VERIFIED", ErrorName.UNVERIFIED_DOMAIN, value, proposal, subject, tenant, len(local) + 1)


def _with_known_domain(local: str, subject: DirectoryObject, tenant: TenantContext) -> str | None:
    """The local part in the domain of the object's own primary address, else in the tenant's preferred one."""
    _, _, own = (primary_address(subject) or "").rpartition("@")
    if own and tenant.domain(own).clean:
        return f"{local}@{own}"
    return f"{local}@{tenant.preferred_domain}" if tenant.preferred_domain else None
