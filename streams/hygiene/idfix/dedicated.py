"""IdFix's dedicated (ITAR) rule set, chain by chain in its run order. Source: idfix.md section 8.

D-NICK-DOT, IdFix's rule on dots in mailNickname, is not here: its pattern is inverted and its result is thrown
away, so it never reports anything (a bug that is kept by leaving it out).
"""

from __future__ import annotations

from streams.hygiene.idfix import characters as sets
from streams.hygiene.idfix.duplicates import duplicate
from streams.hygiene.idfix.mail_format import has_smtp
from streams.hygiene.idfix.options import IdfixOptions
from streams.hygiene.idfix.steps import blank, characters, colon, length, mail_format
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Chain, Rule, UniqueRule, chain_of
from streams.hygiene.tenant import TenantContext
from streams.hygiene.text import utf16_cut


def dedicated_chains(options: IdfixOptions) -> tuple[Chain, ...]:
    """The chains in IdFix's order of attributes. No UPN, sAMAccountName or givenName rule exists."""
    return (
        _display_name(),
        chain_of(
            "mail",
            (
                length("D-MAIL-LEN", "mail", 256),
                characters("D-MAIL-WS", "mail", sets.ANY_WHITESPACE),
                mail_format("D-MAIL-RFC", "mail", options.top_level_domains),
                duplicate("D-MAIL-DUP", "mail"),
            ),
            _never,
        ),
        _nickname(),
        _proxy_addresses(options.top_level_domains),
        _target_address(options.top_level_domains),
    )


def _never(_value: str, _tenant: TenantContext) -> bool:
    """No short cut: dedicated mode is for comparison, not for speed."""
    return False


def _display_name() -> Chain:
    absent = blank(
        "D-DN-BLANK",
        "displayName",
        lambda subject: subject.object_type == "group",
        lambda subject: utf16_cut(subject.common_name, 255),
    )
    rules = (
        length("D-DN-LEN", "displayName", 256),
        characters("D-DN-TRIM", "displayName", sets.OUTER_WHITESPACE),
        absent,
    )
    return chain_of("displayName", rules, _never, absent=absent)


def _nickname() -> Chain:
    absent = blank("D-NICK-BLANK", "mailNickname", lambda subject: subject.object_type == "contact", _nickname_proposal)
    rules = (
        length("D-NICK-LEN", "mailNickname", 64),
        characters("D-NICK-CHAR", "mailNickname", sets.NICKNAME_DEDICATED),
        duplicate("D-NICK-DUP", "mailNickname"),
        absent,
    )
    return chain_of("mailNickname", rules, _never, absent=absent)


def _nickname_proposal(subject: DirectoryObject) -> str:
    names = [name for name in (subject.first("givenName"), subject.first("sn")) if name]
    return ".".join(names) or subject.first("sAMAccountName") or subject.common_name


def _proxy_addresses(top_level_domains: frozenset[str]) -> Chain:
    name = "proxyAddresses"
    unique = duplicate("D-PA-DUP", name)
    other: tuple[Rule | UniqueRule, ...] = (length("D-PA-LEN", name, 256), colon("D-PA-COLON", name), unique)
    smtp = (*other, mail_format("D-PA-RFC", name, top_level_domains))
    return Chain(name, smtp, lambda value: smtp if has_smtp(value) else other, _never, every_value=True, unique=unique)


def _target_address(top_level_domains: frozenset[str]) -> Chain:
    name = "targetAddress"
    absent = blank("D-TA-BLANK", name, _needs_target, _target_proposal)
    other = (length("D-TA-LEN", name, 256), absent)
    smtp = (*other, mail_format("D-TA-RFC", name, top_level_domains))
    return Chain(name, smtp, lambda value: smtp if has_smtp(value) else other, _never, absent=absent)


def _needs_target(subject: DirectoryObject) -> bool:
    return subject.object_type in {"contact", "user"} and not (subject.first("homeMDB") or "").strip()


def _target_proposal(subject: DirectoryObject) -> str | None:
    # IdFix itself stops with an exception on a contact without mail
    mail = subject.first("mail") if subject.object_type == "contact" else None
    return None if mail is None else utf16_cut("SMTP:" + mail, 256)
