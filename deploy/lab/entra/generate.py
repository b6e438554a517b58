"""Fill a tenant with synced people, groups, contacts and devices, the same ones for one seed."""

from __future__ import annotations

import base64
import random
import uuid
from typing import Any, Final

from deploy.lab.entra.graph_time import graph_time
from deploy.lab.entra.tenant import TenantStore

_GIVEN: Final = ("Amira", "Sven", "Jonas", "Leila", "Omar", "Ingrid", "Tomas", "Noor", "Pavel", "Yuki", "Hana")
_FAMILY: Final = ("Haddad", "Lund", "Weber", "Nasser", "Berg", "Novak", "Tanaka", "Silva", "Kaya", "Olsen")
_DEPARTMENTS: Final = ("Finance", "Sales", "Research", "Operations", "Legal", "Support")
_DOMAIN_SID: Final = "S-1-5-21-2917384650-1830475926-3641092785"
_GROUP_SIZE: Final = 20


def fill(tenant: TenantStore, objects: int, *, seed: int = 1, domain: str = "contoso.com") -> None:
    """Add `objects` objects: of twenty, sixteen users, two groups, one contact and one device.

    Groups hold twenty users each. `domain` is added as the tenant's default domain.
    """
    chance = random.Random(seed)
    tenant.add_domain(domain, default=True)
    now = graph_time(tenant.clock())
    users: list[str] = []
    for number in range(objects):
        place = number % 20
        object_id = _guid(chance)
        if place < 16:
            users.append(tenant.upsert("user", object_id, _user(chance, number, domain, now)))
        elif place < 18:
            tenant.upsert("group", object_id, _group(number, now))
            tenant.set_members(object_id, chance.sample(users, min(_GROUP_SIZE, len(users))))
        elif place == 18:
            tenant.upsert("contact", object_id, _contact(chance, number, now))
        else:
            tenant.upsert("device", object_id, _device(chance, number, now))
    tenant.record_sync()


def _guid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _user(chance: random.Random, number: int, domain: str, now: str) -> dict[str, Any]:
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    account = f"{given}.{family}{number}".lower()
    upn = f"{account}@{domain}"
    anchor = uuid.UUID(int=chance.getrandbits(128), version=4)
    return {
        "accountEnabled": True,
        "createdDateTime": now,
        "department": chance.choice(_DEPARTMENTS),
        "displayName": f"{given} {family}",
        "givenName": given,
        "mail": upn,
        "mailNickname": account,
        "onPremisesDistinguishedName": f"CN={given} {family} {number},OU=Staff,DC=corp,DC=contoso,DC=com",
        "onPremisesDomainName": "corp.contoso.com",
        "onPremisesImmutableId": base64.b64encode(anchor.bytes_le).decode(),
        "onPremisesLastSyncDateTime": now,
        "onPremisesProvisioningErrors": [],
        "onPremisesSamAccountName": f"u{number}",
        "onPremisesSecurityIdentifier": f"{_DOMAIN_SID}-{number + 1000}",
        "onPremisesSyncEnabled": True,
        "onPremisesUserPrincipalName": upn,
        "proxyAddresses": [f"SMTP:{upn}", f"smtp:u{number}@{domain}"],
        "surname": family,
        "userPrincipalName": upn,
        "userType": "Member",
    }


def _group(number: int, now: str) -> dict[str, Any]:
    name = f"SG-Team-{number}"
    return {
        "displayName": name,
        "description": "Synced from corp.contoso.com",
        "groupTypes": [],
        "mailEnabled": False,
        "mailNickname": name,
        "onPremisesDomainName": "corp.contoso.com",
        "onPremisesLastSyncDateTime": now,
        "onPremisesNetBiosName": "CONTOSO",
        "onPremisesProvisioningErrors": [],
        "onPremisesSamAccountName": name,
        "onPremisesSecurityIdentifier": f"{_DOMAIN_SID}-{number + 1000}",
        "onPremisesSyncEnabled": True,
        "proxyAddresses": [],
        "securityEnabled": True,
    }


def _contact(chance: random.Random, number: int, now: str) -> dict[str, Any]:
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    address = f"{given}.{family}{number}@fabrikam.com".lower()
    return {
        "displayName": f"{given} {family} (Fabrikam)",
        "givenName": given,
        "mail": address,
        "mailNickname": address.partition("@")[0],
        "onPremisesLastSyncDateTime": now,
        "onPremisesSyncEnabled": True,
        "proxyAddresses": [f"SMTP:{address}"],
        "surname": family,
    }


def _device(chance: random.Random, number: int, now: str) -> dict[str, Any]:
    device_id = _guid(chance)
    return {
        "accountEnabled": True,
        "deviceId": device_id,
        "displayName": f"LT-{number:07}",
        "onPremisesLastSyncDateTime": now,
        "onPremisesSecurityIdentifier": f"{_DOMAIN_SID}-{number + 1000}",
        "onPremisesSyncEnabled": True,
        "operatingSystem": "Windows",
        "operatingSystemVersion": "10.0.26100.3194",
        "physicalIds": [f"[USER-GID]:{device_id}:{chance.getrandbits(52)}"],
        "profileType": "RegisteredDevice",
        "registrationDateTime": now,
        "trustType": "ServerAd",
    }
