"""Names the cloud gives: mailNickname, userPrincipalName, the placeholder.

Sources: Microsoft, "Microsoft Entra UserPrincipalName population"; "Identity synchronization and duplicate attribute
resiliency".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from deploy.lab.sync.objects import AdObject, TenantRules, primary_of
from streams.contracts.distinguished_name import dns_domain

_UPN = re.compile(r"[A-Za-z0-9'._!#^~-]+@[A-Za-z0-9.-]+\Z")
_NOT_IN_NICKNAME = re.compile(r"[^A-Za-z0-9'._!#^~-]")


def mail_nickname(found: AdObject) -> str | None:
    """The alias at first sync: mailNickname, else the prefix of primary SMTP, mail, UPN, or a secondary smtp."""
    proxies = found.values("proxyAddresses")
    secondary = next((proxy[5:] for proxy in proxies if proxy.startswith("smtp:")), None)
    candidates = (
        found.text("mailNickname"),
        _prefix(primary_of(proxies)),
        _prefix(found.text("mail")),
        _prefix(found.text("userPrincipalName")),
        _prefix(secondary),
    )
    return next((name for name in candidates if name), None)


def on_premises_upn(found: AdObject) -> str | None:
    """userPrincipalName, else sAMAccountName at the domain's DNS name (rule "In from AD - User Common")."""
    account = found.text("sAMAccountName")
    return found.text("userPrincipalName") or (f"{account}@{dns_domain(found.distinguished_name)}" if account else None)


def cloud_upn(upn: str, nickname: str, rules: TenantRules) -> str:
    """The on-premises UPN where its suffix is verified and it is well-formed; else `nickname@initial`."""
    if _UPN.match(upn) and upn.rpartition("@")[2].lower() in rules.verified_domains:
        return upn
    return f"{_NOT_IN_NICKNAME.sub('', nickname)}@{rules.initial_domain}"


def placeholder_upn(upn: str, rules: TenantRules, is_taken: Callable[[str], bool], draw: Callable[[], int]) -> str:
    """`<prefix><4 digits>@<initial domain>` that is not taken; `draw` gives 0-9999."""
    prefix = _NOT_IN_NICKNAME.sub("", upn.partition("@")[0])
    while True:
        candidate = f"{prefix}{draw():04d}@{rules.initial_domain}"
        if not is_taken(candidate):
            return candidate


def _prefix(address: str | None) -> str | None:
    return address.partition("@")[0] or None if address else None
