"""Which objects Entra Connect's default rules leave out.

Source: "Microsoft Entra Connect Sync: Understanding the default configuration". Objects that are left out
only until somebody mail-enables them (contacts, distribution groups) are checked all the same: their values
are what will be rejected then.
"""

from __future__ import annotations

from streams.hygiene.objects import DirectoryObject, is_conflict_object

_NOT_IN_EXCHANGE_ONLINE = 0x21C07000
_ROLE_GROUP = 0x40000000


def skip(subject: DirectoryObject) -> str | None:
    """The id of the rule that leaves this object out, or None."""
    if (subject.first("isCriticalSystemObject") or "").upper() == "TRUE":  # AD never stores FALSE
        return "EN-SKIP-CRITICAL"
    if is_conflict_object(subject.dn):
        return "EN-SKIP-CONFLICT"
    if "adminDescription" in subject.attributes and _came_from_the_cloud(subject):
        return "EN-SKIP-CLOUD-FILTERED"
    kind = subject.object_type
    if kind in {"user", "inetorgperson"}:
        return _skip_user(subject)
    if kind == "group":
        return _skip_group(subject)
    if kind == "contact":
        return _skip_contact(subject)
    return "EN-SKIP-CLASS" if kind in {"computer", "msds-groupmanagedserviceaccount"} else None


def _came_from_the_cloud(subject: DirectoryObject) -> bool:
    """The mark of written-back objects, which the scoping filters of the default rules leave out."""
    return (subject.first("adminDescription") or "").lower().startswith(("user_", "group_", "contact_"))


def _skip_user(subject: DirectoryObject) -> str | None:
    account = subject.first("sAMAccountName")
    if account and account[:1] in "aAmMsScC":
        folded = account.lower()
        if folded.startswith(("aad_", "msol_")) or folded == "support_388945a0":
            return "EN-SKIP-SERVICE-ACCOUNT"
        if _is_exchange_service(folded):
            return "EN-SKIP-EXCHANGE"
    nickname = subject.first("mailNickname")
    if nickname and nickname[:1] in "sScC":
        folded = nickname.lower()
        if folded.startswith("systemmailbox{") or _is_exchange_service(folded):
            return "EN-SKIP-EXCHANGE"
    return _skip_recipient_type(subject, _NOT_IN_EXCHANGE_ONLINE)


def _skip_group(subject: DirectoryObject) -> str | None:
    if (subject.first("sAMAccountName") or "").lower() == "msol_ad_sync_richcoexistence":
        return "EN-SKIP-SERVICE-ACCOUNT"
    return _skip_recipient_type(subject, _ROLE_GROUP)


def _skip_contact(subject: DirectoryObject) -> str | None:
    hidden = (subject.first("msExchHideFromAddressLists") or "").upper() == "TRUE"
    if hidden and "(MSOL)" in (subject.first("displayName") or "").upper():
        return "EN-SKIP-SERVICE-ACCOUNT"
    return "EN-SKIP-EXCHANGE" if _is_exchange_service((subject.first("mailNickname") or "").lower()) else None


def _is_exchange_service(name: str) -> bool:
    return name.startswith("cas_") and "}" in name


def _skip_recipient_type(subject: DirectoryObject, mask: int) -> str | None:
    recipient_type = subject.first("msExchRecipientTypeDetails")
    if recipient_type is None:
        return None
    try:
        return "EN-SKIP-RECIPIENT-TYPE" if int(recipient_type) & mask else None
    except ValueError:
        return None
