"""IdFix's multi-tenant rule set, chain by chain in its run order. Source: idfix.md section 7."""

from __future__ import annotations

from streams.hygiene.idfix import characters as sets
from streams.hygiene.idfix.clean import address_cleaner, short, sign_in_cleaner
from streams.hygiene.idfix.duplicates import duplicate
from streams.hygiene.idfix.mail_format import has_smtp
from streams.hygiene.idfix.options import IdfixOptions
from streams.hygiene.idfix.steps import blank, characters, colon, length, mail_format
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Chain, Rule, UniqueRule, chain_of


def multi_tenant_chains(options: IdfixOptions) -> tuple[Chain, ...]:
    """The chains in IdFix's order of attributes."""
    chains = (
        _display_name(),
        chain_of("givenName", (length("MT-GN-LEN", "givenName", 63),), short(63)),
        chain_of("mail", (length("MT-MAIL-LEN", "mail", 256), duplicate("MT-MAIL-DUP", "mail")), short(256)),
        _nickname(),
        _proxy_addresses(options.top_level_domains),
        _sam_account_name(),
        _target_address(options.top_level_domains),
    )
    if options.alternate_login:  # MT-UPN-ALT
        return chains
    return (*chains, _user_principal_name(options.top_level_domains))


def _display_name() -> Chain:
    absent = blank("MT-DN-BLANK", "displayName", lambda _: True, lambda subject: subject.common_name)
    is_short = short(255)
    return chain_of(
        "displayName",
        (length("MT-DN-LEN", "displayName", 255), absent),
        lambda value, tenant: bool(value) and is_short(value, tenant),
        absent=absent,
    )


def _nickname() -> Chain:
    is_short = short(64)
    return chain_of(
        "mailNickname",
        (
            length("MT-NICK-LEN", "mailNickname", 64),
            characters("MT-NICK-DOT", "mailNickname", sets.LEADING_DOTS),
            duplicate("MT-NICK-DUP", "mailNickname"),
        ),
        lambda value, tenant: is_short(value, tenant) and not value.startswith("."),
    )


def _proxy_addresses(top_level_domains: frozenset[str]) -> Chain:
    name = "proxyAddresses"
    unique = duplicate("MT-PA-DUP", name)
    first: tuple[Rule | UniqueRule, ...] = (length("MT-PA-LEN", name, 256), colon("MT-PA-COLON", name), unique)
    smtp = (
        *first,
        characters("MT-PA-CHAR-SMTP", name, sets.PROXY_SMTP),
        mail_format("MT-PA-RFC", name, top_level_domains),
    )
    x400 = (*first, characters("MT-PA-CHAR-X400", name, sets.PROXY_X400_X500))
    x500 = (*first, characters("MT-PA-CHAR-X500", name, sets.PROXY_X400_X500))
    other = (*first, characters("MT-PA-CHAR-OTHER", name, sets.PROXY_OTHER))

    def rules(value: str) -> tuple[Rule | UniqueRule, ...]:
        if has_smtp(value):
            return smtp
        if sets.X400.match(value):
            return x400
        return x500 if sets.X500.match(value) else other

    every = (*smtp, x400[-1], x500[-1], other[-1])
    return Chain(name, every, rules, address_cleaner(256, top_level_domains), every_value=True, unique=unique)


def _sam_account_name() -> Chain:
    def limit(subject: DirectoryObject) -> int:
        return 20 if subject.object_type == "user" else 256

    return chain_of(
        "sAMAccountName",
        (
            length("MT-SAM-LEN", "sAMAccountName", limit),
            characters("MT-SAM-CHAR", "sAMAccountName", sets.SAM_ACCOUNT_NAME),
            duplicate(
                "MT-SAM-DUP",
                "sAMAccountName",
                lambda subject: not subject.attributes.get("userPrincipalName"),
            ),
        ),
        lambda value, _tenant: len(value) <= 10 and sets.SAM_ACCOUNT_NAME.search(value) is None,
    )


def _target_address(top_level_domains: frozenset[str]) -> Chain:
    name = "targetAddress"
    unique = duplicate("MT-TA-DUP", name)
    first: tuple[Rule | UniqueRule, ...] = (length("MT-TA-LEN", name, 255), colon("MT-TA-COLON", name), unique)
    smtp = (
        *first,
        characters("MT-TA-CHAR-SMTP", name, sets.TARGET_SMTP),
        mail_format("MT-TA-RFC", name, top_level_domains),
    )
    other = (*first, characters("MT-TA-CHAR-OTHER", name, sets.TARGET_OTHER))
    return Chain(
        name,
        (*smtp, other[-1]),
        lambda value: smtp if has_smtp(value) else other,
        address_cleaner(255, top_level_domains),
        unique=unique,
    )


def _user_principal_name(top_level_domains: frozenset[str]) -> Chain:
    name = "userPrincipalName"
    return chain_of(
        name,
        (
            length("MT-UPN-LEN", name, 113),
            characters("MT-UPN-CHAR", name, sets.UPN),
            mail_format("MT-UPN-RFC", name, top_level_domains),
            duplicate("MT-UPN-DUP", name),
        ),
        sign_in_cleaner(113, top_level_domains),
    )
