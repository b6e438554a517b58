"""mail, mailNickname, proxyAddresses and targetAddress in the profile `entra`."""

from __future__ import annotations

import re

from streams.hygiene.entra import sources
from streams.hygiene.entra.addresses import (
    claim_address,
    claim_proxy,
    claim_target,
    is_foreign,
    is_smtp,
)  # fmt: skip
from streams.hygiene.entra.steps import LOCAL_CHARACTERS, characters, length, smtp_format, unique
from streams.hygiene.faults import Breach, Effect, ErrorName
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Chain, Claim, Rule, chain_of
from streams.hygiene.tenant import TenantContext
from streams.hygiene.text import WHITESPACE, ascii_letters_of, comparison_key, utf16_position

_BARRED_SMTP = re.compile(rf'[{WHITESPACE}<>();,\[\]"]')
# addresses of other kinds need the semicolon (EUM:1234;phone-context=…), as IdFix learnt
_BARRED_OTHER = re.compile(rf'[{WHITESPACE}<>(),\[\]"]')
_CONTROL = re.compile(r"[\t-\r]")
_CLEAN_SMTP = re.compile(
    rf"[Ss][Mm][Tt][Pp]:[{LOCAL_CHARACTERS}]+(?:\.[{LOCAL_CHARACTERS}]+)*@([A-Za-z0-9.-]+)"
).fullmatch
_CLEAN_OTHER = re.compile(r"(?!smtp:)[A-Za-z0-9]+:[\w@.=/+-]*", re.ASCII | re.IGNORECASE).fullmatch


def mail_chain() -> Chain:
    """mail must be unique among all addresses; nothing else is asked of it."""
    return chain_of("mail", (unique("EN-MAIL-DUP", "mail", sources.PREPARE, claim_address),), lambda _v, _t: True)


def nickname_chain() -> Chain:
    """mailNickname is unique and does not start with a dot."""
    name = "mailNickname"

    def claim(value: str) -> Claim:
        return name, comparison_key(value)

    dot = characters(
        "EN-NICK-DOT", name, sources.PREPARE, lambda value: 0 if value.startswith(".") else -1,
        lambda value: value.lstrip("."),
    )  # fmt: skip
    rules = (unique("EN-NICK-DUP", name, sources.PREPARE, claim), dot)
    return chain_of(name, rules, lambda value, _tenant: not value.startswith("."))


def proxy_chain() -> Chain:
    """Each proxyAddresses value: unique, length, characters, one colon, SMTP form, verified domain."""
    name = "proxyAddresses"
    duplicate = unique("EN-PA-DUP", name, sources.PREPARE, claim_proxy)
    rules = (
        duplicate,
        length("EN-PA-LEN", name, 256, sources.PREPARE),
        characters("EN-PA-COLON", name, sources.PREPARE, _extra_colon, _without_extra_colons),
        characters("EN-PA-CHAR", name, sources.PREPARE, _barred_in_proxy, _without_barred_in_proxy),
        smtp_format("EN-PA-RFC", name, sources.PREPARE, _smtp_prefix),
        Rule("EN-PA-VERIFIED", name, (ErrorName.UNVERIFIED_DOMAIN,), sources.SHADOW, _judge_verified),
    )
    return Chain(name, rules, lambda _value: rules, _is_clean_address, every_value=True, unique=duplicate)


def target_chain() -> Chain:
    """targetAddress: unique, length, characters (the backslash too), SMTP form."""
    name = "targetAddress"
    rules = (
        unique("EN-TA-DUP", name, sources.PREPARE, claim_target),
        length("EN-TA-LEN", name, 256, sources.PREPARE),
        characters("EN-TA-COLON", name, sources.PREPARE, _extra_colon, _without_extra_colons),
        characters("EN-TA-CHAR", name, sources.PREPARE, _barred_in_target, _without_barred_in_target),
        smtp_format("EN-TA-RFC", name, sources.PREPARE, _smtp_prefix),
    )
    return chain_of(name, rules, _is_clean_address)


def is_mailbox_user(subject: DirectoryObject) -> bool:
    """Whether the object has a mailbox, here or in Exchange Online: for those alone are addresses dropped."""
    return subject.object_type in {"user", "inetorgperson"} and any(
        subject.attributes.get(name) for name in ("homeMDB", "msExchMailboxGuid", "msExchRemoteRecipientType")
    )


def _is_clean_address(value: str, tenant: TenantContext) -> bool:
    if len(value) > 128:
        return False
    match = _CLEAN_SMTP(value)
    if match is None:
        return _CLEAN_OTHER(value) is not None
    verdict = tenant.domain(match[1])
    return verdict.well_formed and verdict.verified


def _judge_verified(value: str, subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
    local, at, domain = value.rpartition("@")
    if not at or not is_smtp(value) or tenant.domain(domain).verified or not is_mailbox_user(subject):
        return None
    index = len(local) + 1
    return Breach(
        "EN-PA-VERIFIED", (ErrorName.UNVERIFIED_DOMAIN,), value, None,
        position=utf16_position(value, index), character=value[index] if index < len(value) else None,
        effect=Effect.DROPS,
    )  # fmt: skip


def _smtp_prefix(value: str) -> int:
    return 5 if is_smtp(value) else -1


def _extra_colon(value: str) -> int:
    first = -1 if is_foreign(value) else value.find(":")
    return value.find(":", first + 1) if first > 0 else -1


def _without_extra_colons(value: str) -> str:
    prefix, colon, rest = value.partition(":")
    return prefix + colon + rest.replace(":", "")


def _pattern(value: str) -> re.Pattern[str]:
    if is_foreign(value):
        return _CONTROL
    return _BARRED_SMTP if is_smtp(value) else _BARRED_OTHER


def _barred_in_proxy(value: str) -> int:
    """The characters after the type delimiter; in an SMTP address no letter outside ASCII before the @."""
    start = value.find(":") + 1
    match = _pattern(value).search(value, start)
    found = match.start() if match else -1
    if is_smtp(value) and not value.isascii():
        end = value.rfind("@")
        foreign = next((i for i in range(start, len(value) if end < 0 else end) if value[i] > "\x7f"), -1)
        if foreign >= 0 and (found < 0 or foreign < found):
            return foreign
    return found


def _without_barred_in_proxy(value: str) -> str:
    prefix, colon, rest = value.partition(":")
    if not colon:
        prefix, rest = "", value
    kept = _pattern(value).sub("", rest)
    if is_smtp(value):
        local, at, domain = kept.rpartition("@")
        kept = ascii_letters_of(local) + at + domain if at else ascii_letters_of(kept)
    return prefix + colon + kept if kept else ""


def _barred_in_target(value: str) -> int:
    found = _barred_in_proxy(value)
    backslash = -1 if is_foreign(value) else value.find("\\")
    return min((index for index in (found, backslash) if index >= 0), default=-1)


def _without_barred_in_target(value: str) -> str:
    kept = _without_barred_in_proxy(value)
    return kept if is_foreign(value) else kept.replace("\\", "")
