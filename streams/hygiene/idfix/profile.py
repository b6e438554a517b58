"""The profile `idfix`: IdFix 2.6's verdicts, for people who must compare with it or replace it.

Where IdFix is wrong this profile is wrong in the same way, and the module that holds the rule says so.
Use the profile `entra` for what the service rejects.
"""

from __future__ import annotations

from functools import partial

from streams.hygiene.idfix.dedicated import dedicated_chains
from streams.hygiene.idfix.multi_tenant import multi_tenant_chains
from streams.hygiene.idfix.options import IdfixOptions, Mode
from streams.hygiene.idfix.skips import skip
from streams.hygiene.rules import Profile

_MULTI_TENANT_ATTRIBUTES = (
    "cn", "displayName", "givenName", "groupType", "homeMDB", "isCriticalSystemObject", "mail", "mailNickname",
    "msExchHideFromAddressLists", "msExchRecipientTypeDetails", "objectClass", "proxyAddresses", "sAMAccountName",
    "targetAddress", "userPrincipalName",
)  # fmt: skip
_DEDICATED_ATTRIBUTES = (
    "cn", "displayName", "givenName", "homeMDB", "mail", "mailNickname", "objectClass", "proxyAddresses",
    "sAMAccountName", "sn", "targetAddress",
)  # fmt: skip
_PEOPLE_AND_GROUPS = "(|(objectCategory=Person)(objectCategory=Group))"


def idfix_profile(options: IdfixOptions | None = None) -> Profile:
    """IdFix as set up by `options` (multi-tenant mode by default)."""
    chosen = options or IdfixOptions()
    dedicated = chosen.mode is Mode.DEDICATED
    return Profile(
        name="idfix",
        chains=dedicated_chains(chosen) if dedicated else multi_tenant_chains(chosen),
        object_rules=(),
        plain=lambda _subject: True,
        skip=partial(skip, mode=chosen.mode),
        later_only=True,
        echoes=True,
        attributes=_DEDICATED_ATTRIBUTES if dedicated else _MULTI_TENANT_ATTRIBUTES,
        ldap_filter=f"(&{_PEOPLE_AND_GROUPS}(mail=*))" if dedicated else _PEOPLE_AND_GROUPS,
    )
