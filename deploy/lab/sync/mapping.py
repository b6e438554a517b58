"""What the engine wants the cloud to show for one object of AD: the outbound synchronization rules.

Sources: Microsoft, "How the proxyAddresses attribute is populated in Microsoft Entra ID"; "Microsoft Entra Connect:
Design concepts" (sourceAnchor); the tables of synchronized attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.lab.sync.naming import cloud_upn, mail_nickname, on_premises_upn
from deploy.lab.sync.objects import AdObject, Kind, TenantRules, fold, primary_of
from streams.contracts.clouds import RESERVED_DOMAINS
from streams.contracts.distinguished_name import dns_domain
from streams.contracts.identity import immutable_id_of_guid

DISABLED = 0x2
_SECURITY_GROUP = 0x80000000
_LEGACY = ("msmail:", "x400:", "ccmail:", "gwise:", "notes:")
# Trim() of one value each: the rules that microsoft/AADConnectConfigDocumenter exports.
_PLAIN = {
    "givenName": "givenName",
    "sn": "surname",
    "title": "jobTitle",
    "department": "department",
    "company": "companyName",
}
_USER_ONLY = {
    "l": "city",
    "st": "state",
    "co": "country",
    "postalCode": "postalCode",
    "streetAddress": "streetAddress",
    "physicalDeliveryOfficeName": "officeLocation",
    "mobile": "mobilePhone",
    "facsimileTelephoneNumber": "faxNumber",
    "preferredLanguage": "preferredLanguage",
}
_EXTENSIONS = tuple(f"extensionAttribute{number}" for number in range(1, 16))
_DESCRIPTION_LENGTH = 448
FLOWED = (*_PLAIN, *_USER_ONLY, *_EXTENSIONS, "telephoneNumber")
"""Attributes of AD that are carried over as they are: the connector reads them."""


@dataclass(frozen=True, slots=True)
class Desired:
    """The export of one object before Entra had its say.

    upn:        the cloud UPN it should get (users only); addresses: proxyAddresses as Entra computes them.
    properties: everything nobody can contest.
    """

    guid: str
    kind: Kind
    anchor: str | None
    sid: str | None
    upn: str | None
    nickname: str | None
    addresses: tuple[str, ...]
    properties: dict[str, Any]


def source_anchor(found: AdObject) -> str:
    """mS-DS-ConsistencyGuid for users that have one, else objectGUID, as base64."""
    anchor = found.text("mS-DS-ConsistencyGuid") if found.kind == "user" else None
    return anchor or immutable_id_of_guid(found.guid)


def desired_of(found: AdObject, rules: TenantRules, *, kept_nickname: str | None = None) -> Desired:
    """Return what the cloud should show for `found`.

    `kept_nickname`: the alias given at first sync, which outlives everything but a new AD mailNickname.
    """
    nickname = found.text("mailNickname") or kept_nickname or mail_nickname(found)
    properties: dict[str, Any] = {"displayName": found.text("displayName") or found.text("name") or found.text("cn")}
    if found.kind != "group":
        properties |= {shown: _trimmed(found, name) for name, shown in _PLAIN.items()}
    properties["onPremisesSyncEnabled"] = True
    upn = None
    if found.kind == "user":
        local = on_premises_upn(found)
        if local is not None:
            upn = cloud_upn(local, nickname or local.partition("@")[0], rules)
        properties |= _user_properties(found, local)
    elif found.kind == "group":
        properties |= _group_properties(found)
    else:
        properties |= _contact_properties(found)
    addresses = proxy_addresses(found, upn, rules)
    if found.kind == "group":
        nickname = nickname or found.text("sAMAccountName")
        properties["mailEnabled"] = bool(addresses)
    return Desired(
        guid=found.guid,
        kind=found.kind,
        anchor=source_anchor(found) if found.kind == "user" else None,
        sid=found.text("objectSid"),
        upn=upn,
        nickname=nickname,
        addresses=addresses,
        properties=properties,
    )


def proxy_addresses(found: AdObject, upn: str | None, rules: TenantRules) -> tuple[str, ...]:
    """The proxy calculation: AD's addresses, `mail` as primary where none is, the UPN as one more of a mailbox user.

    Left out: reserved suffixes, legacy protocols, malformed addresses, and a user's addresses in domains that the
    tenant has not verified. Each folded address appears once, the primary first.
    """
    wanted = [address for address in found.values("proxyAddresses") if not address.lower().startswith(_LEGACY)]
    mail = found.text("mail")
    if mail and primary_of(wanted) is None:
        wanted.insert(0, f"SMTP:{mail}")
    wanted.sort(key=lambda address: not address.startswith("SMTP:"))
    if upn and any(fold(address) for address in wanted) and upn.rpartition("@")[2].lower() != rules.initial_domain:
        wanted.append(f"smtp:{upn}")
    kept: dict[str, str] = {}
    for address in wanted:
        plain = fold(address)
        if plain is None:
            kept.setdefault(address, address)
        elif _deliverable(plain, found.kind, rules):
            kept.setdefault(plain, address if ":" in address else f"smtp:{address}")
    return tuple(kept.values())


def _deliverable(plain: str, kind: Kind, rules: TenantRules) -> bool:
    local, at, domain = plain.rpartition("@")
    if not (local and at and domain) or " " in plain or domain.endswith(RESERVED_DOMAINS):
        return False
    return kind != "user" or domain in rules.verified_domains


def _trimmed(found: AdObject, name: str) -> str | None:
    return (found.text(name) or "").strip() or None


def _contact_properties(found: AdObject) -> dict[str, Any]:
    """One address, and a phone of each kind that there is a number of."""
    parts = {
        "city": "l", "state": "st", "countryOrRegion": "co", "postalCode": "postalCode", "street": "streetAddress",
        "officeLocation": "physicalDeliveryOfficeName",
    }  # fmt: skip
    address = {part: _trimmed(found, name) for part, name in parts.items()}
    phones = {"business": "telephoneNumber", "mobile": "mobile", "businessFax": "facsimileTelephoneNumber"}
    return {
        "addresses": [address] if any(address.values()) else [],
        "phones": [
            {"type": kind, "number": number} for kind, name in phones.items() if (number := _trimmed(found, name))
        ],
    }


def _user_properties(found: AdObject, upn: str | None) -> dict[str, Any]:
    phone = _trimmed(found, "telephoneNumber")
    extensions = {name: value for name in _EXTENSIONS if (value := _trimmed(found, name))}
    return {
        **{shown: _trimmed(found, name) for name, shown in _USER_ONLY.items()},
        "businessPhones": [phone] if phone else [],
        "onPremisesExtensionAttributes": extensions or None,
        "accountEnabled": not found.number("userAccountControl") & DISABLED,
        "userType": "Member",
        "onPremisesImmutableId": source_anchor(found),
        "onPremisesObjectIdentifier": found.guid,
        "onPremisesDistinguishedName": found.distinguished_name,
        "onPremisesDomainName": dns_domain(found.distinguished_name),
        "onPremisesSamAccountName": found.text("sAMAccountName"),
        "onPremisesSecurityIdentifier": found.text("objectSid"),
        "onPremisesUserPrincipalName": upn,
    }


def _group_properties(found: AdObject) -> dict[str, Any]:
    domain = dns_domain(found.distinguished_name)
    return {
        "description": (found.text("description") or "").strip()[:_DESCRIPTION_LENGTH] or None,
        "securityEnabled": bool(found.number("groupType") & _SECURITY_GROUP),
        "groupTypes": [],
        "onPremisesDomainName": domain,
        "onPremisesNetBiosName": domain.partition(".")[0].upper(),
        "onPremisesSamAccountName": found.text("sAMAccountName"),
        "onPremisesSecurityIdentifier": found.text("objectSid"),
    }
