"""Rules of the profile `entra` over several values of one object."""

from __future__ import annotations

from collections.abc import Iterator

from streams.hygiene.entra import sources
from streams.hygiene.entra.addresses import primary_address
from streams.hygiene.faults import Breach, Effect, ErrorName
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import ObjectRule
from streams.hygiene.tenant import TenantContext
from streams.hygiene.text import comparison_key

CERTIFICATE_LIMIT = 15
ADDRESS_LIMIT = 300
"""Not a hard limit: the service fails somewhere above 300, sooner with certificates (domain.md 10.3)."""


def object_rules() -> tuple[ObjectRule, ...]:
    """Mismatch of UPN and primary address, two primary addresses, too many values."""
    return (
        ObjectRule(
            "EN-UPN-PRIMARY", "userPrincipalName", (ErrorName.ADDRESS_MISMATCH,), sources.PREPARE, _judge_mismatch
        ),
        ObjectRule(
            "EN-PA-PRIMARY", "proxyAddresses", (ErrorName.PRIMARY_ADDRESS,), sources.EXISTING_TENANT, _judge_primaries
        ),
        _count("EN-PA-COUNT", "proxyAddresses", ADDRESS_LIMIT, Effect.WARNS, sources.SYNC_ERRORS),
        _count("EN-CERT-COUNT", "userCertificate", CERTIFICATE_LIMIT, Effect.REJECTS, sources.LARGE_OBJECT),
        _count("EN-SMIME-COUNT", "userSMIMECertificate", CERTIFICATE_LIMIT, Effect.REJECTS, sources.LARGE_OBJECT),
    )


def is_plain(subject: DirectoryObject) -> bool:
    """A cheap test that is True only if no rule of this module finds anything."""
    attributes = subject.attributes
    if "userCertificate" in attributes or "userSMIMECertificate" in attributes:
        return False
    primary = None
    proxies = attributes.get("proxyAddresses")
    if proxies:
        if len(proxies) > ADDRESS_LIMIT:
            return False
        for value in proxies:
            if value.startswith("SMTP:"):
                if primary is not None:
                    return False
                primary = value[5:]
    sign_in_names = attributes.get("userPrincipalName")
    if not sign_in_names:
        return True
    if primary is None:
        mail = attributes.get("mail")
        return not mail or mail[0] == sign_in_names[0]
    return primary == sign_in_names[0]


def _judge_mismatch(subject: DirectoryObject, _tenant: TenantContext) -> Iterator[tuple[str | None, Breach]]:
    sign_in_name = subject.first("userPrincipalName")
    if sign_in_name is None:
        return
    primary = primary_address(subject)
    if not primary or primary == sign_in_name or comparison_key(primary) == comparison_key(sign_in_name):
        return
    yield (
        sign_in_name,
        Breach(
            "EN-UPN-PRIMARY", (ErrorName.ADDRESS_MISMATCH,), sign_in_name, None,
            effect=Effect.WARNS, forecast=f"signs in as {sign_in_name}, writes as {primary}",
        ),
    )  # fmt: skip


def _judge_primaries(subject: DirectoryObject, _tenant: TenantContext) -> Iterator[tuple[str | None, Breach]]:
    primaries = [value for value in subject.attributes.get("proxyAddresses", ()) if value.startswith("SMTP:")]
    for value in primaries[1:]:
        yield (
            value,
            Breach(
                "EN-PA-PRIMARY", (ErrorName.PRIMARY_ADDRESS,), value, "smtp:" + value[5:],
                character="S", position=0, effect=Effect.REJECTS,
            ),
        )  # fmt: skip


def _count(rule: str, attribute: str, limit: int, effect: Effect, source: str) -> ObjectRule:
    def check(subject: DirectoryObject, _tenant: TenantContext) -> Iterator[tuple[str | None, Breach]]:
        values = subject.attributes.get(attribute, ())
        if len(values) > limit:
            yield (
                None,
                Breach(rule, (ErrorName.TOO_MANY_VALUES,), "", None, length=len(values), limit=limit, effect=effect),
            )

    return ObjectRule(rule, attribute, (ErrorName.TOO_MANY_VALUES,), source, check)
