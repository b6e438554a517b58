"""What Entra ID makes of a user principal name it cannot use.

Source: "Microsoft Entra UserPrincipalName population" (domain.md section 2.5): the cloud name becomes
`<mailNickname>@<initial domain>`, where mailNickname is the first present of: AD mailNickname; the local part of
the primary SMTP address; of mail; of the UPN; of a secondary smtp address. Underscores stand for characters that are
invalid in it ("Prepare for directory synchronization", section 2, mailNickname).
"""

from __future__ import annotations

import re

from streams.hygiene.objects import DirectoryObject
from streams.hygiene.tenant import TenantContext

_FOREIGN = re.compile(r"[^A-Za-z0-9'._!#^~-]")


def forecast_sign_in_name(subject: DirectoryObject, tenant: TenantContext) -> str | None:
    """The name the user will sign in with; None where the initial domain or any source of the name is unknown.

    True of the first synchronisation; later the service changes its mailNickname only with AD's.
    """
    nickname = cloud_nickname(subject)
    if nickname is None or tenant.initial_domain is None:
        return None
    return f"{_FOREIGN.sub('_', nickname)}@{tenant.initial_domain}"


def cloud_nickname(subject: DirectoryObject) -> str | None:
    """The mailNickname that Entra ID gives the object when it first sees it."""
    proxies = subject.attributes.get("proxyAddresses", ())
    candidates = (
        subject.first("mailNickname"),
        *(_local(value[5:]) for value in proxies if value.startswith("SMTP:")),
        _local(subject.first("mail")),
        _local(subject.first("userPrincipalName")),
        *(_local(value[5:]) for value in proxies if value.startswith("smtp:")),
    )
    return next((candidate for candidate in candidates if candidate), None)


def _local(address: str | None) -> str:
    local, at, _ = (address or "").partition("@")
    return local if at else ""
