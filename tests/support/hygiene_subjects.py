"""Short ways to make directory objects and check them."""

from __future__ import annotations

from collections.abc import Sequence

from streams.hygiene.check import check
from streams.hygiene.entra.profile import entra_profile
from streams.hygiene.faults import Fault
from streams.hygiene.idfix.options import IdfixOptions, Mode
from streams.hygiene.idfix.profile import idfix_profile
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Profile
from streams.hygiene.scan import Scan
from streams.hygiene.tenant import TenantContext, tenant_of_domains

TENANT = tenant_of_domains(["contoso.com", "contoso.onmicrosoft.com", "xn--mnchen-3ya.de"])
UNKNOWN = TenantContext()

ENTRA = entra_profile()
IDFIX = idfix_profile()
DEDICATED = idfix_profile(IdfixOptions(Mode.DEDICATED))

Values = str | Sequence[str] | None


def thing(kind: str = "user", name: str = "Jane Doe", **attributes: Values) -> DirectoryObject:
    """An object of class `kind` with a displayName unless told otherwise; None leaves an attribute out."""
    chosen: dict[str, Values] = {"displayName": "Jane Doe", **attributes}
    values = {
        key: [value] if isinstance(value, str) else list(value) for key, value in chosen.items() if value is not None
    }
    return DirectoryObject(f"CN={name},OU=People,DC=contoso,DC=com", ("top", kind), {"cn": [name], **values})


def errors(subject: DirectoryObject, profile: Profile, tenant: TenantContext = TENANT) -> dict[str, list[str]]:
    """Attribute -> error names of its faulty values, in order."""
    found: dict[str, list[str]] = {}
    for fault in check(subject, profile, tenant):
        found.setdefault(fault.attribute, []).extend(fault.errors)
    return found


def only_fault(subject: DirectoryObject, profile: Profile, tenant: TenantContext = TENANT) -> Fault:
    """The one fault of an object."""
    (fault,) = check(subject, profile, tenant)
    return fault


def scanned(
    profile: Profile, *subjects: DirectoryObject, tenant: TenantContext = TENANT
) -> list[tuple[str, str, Fault]]:
    """(name of the object, attribute, fault) of a whole scan, in the order they come."""
    scan = Scan(profile, tenant, subjects.__getitem__)
    for subject in subjects:
        scan.enroll(subject)
    scan.close()
    faults = [fault for number in scan.suspects() for fault in scan.check(number, subjects[number])]
    return [(fault.common_name, fault.attribute, fault) for fault in faults]
