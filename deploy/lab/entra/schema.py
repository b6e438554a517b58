"""Which properties each kind of directory object has, and which come without being asked for.

Source: microsoft-graph v1.0 metadata (types, nullability) and the SDK's notes on defaults.
Users return eleven properties unless `$select` names others; groups, contacts and devices
return almost everything. `onPremisesSecurityIdentifier` of a device needs `$select`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["user", "group", "contact", "device"]

EXTENSION_ATTRIBUTES: Final = tuple(f"extensionAttribute{n}" for n in range(1, 16))


@dataclass(frozen=True, slots=True)
class KindSchema:
    """One entity set of Graph: its address, its properties and its habits."""

    kind: Kind
    segment: str
    odata_type: str
    properties: Mapping[str, int]
    defaults: tuple[str, ...]
    collections: frozenset[str]
    refused_in_delta: frozenset[str]
    soft_delete: bool
    beta: frozenset[str] = frozenset()

    def tells(self, name: str, *, beta: bool) -> bool:
        """Whether this version of Graph knows the property."""
        return name in self.properties and (beta or name not in self.beta)

    def absent(self, name: str) -> Any:
        """What a read (not delta) shows for a property that was never set."""
        return [] if name in self.collections else None


def _schema(
    kind: Kind,
    segment: str,
    odata_type: str,
    defaults: str,
    selectable: str,
    collections: str,
    *,
    refused_in_delta: str = "",
    soft_delete: bool = False,
    beta: str = "",
) -> KindSchema:
    names = [*defaults.split(), *selectable.split(), *beta.split()]
    return KindSchema(
        kind=kind,
        segment=segment,
        odata_type=odata_type,
        properties={name: order for order, name in enumerate(names)},
        defaults=tuple(defaults.split()),
        collections=frozenset(collections.split()),
        refused_in_delta=frozenset(refused_in_delta.split()),
        soft_delete=soft_delete,
        beta=frozenset(beta.split()),
    )


USER: Final = _schema(
    "user",
    "users",
    "#microsoft.graph.user",
    "businessPhones displayName givenName jobTitle mail mobilePhone officeLocation"
    " preferredLanguage surname userPrincipalName",
    "accountEnabled userType createdDateTime deletedDateTime proxyAddresses mailNickname"
    " onPremisesSyncEnabled onPremisesImmutableId onPremisesLastSyncDateTime"
    " onPremisesDistinguishedName onPremisesDomainName onPremisesSamAccountName"
    " onPremisesSecurityIdentifier onPremisesUserPrincipalName onPremisesExtensionAttributes"
    " onPremisesProvisioningErrors serviceProvisioningErrors lastPasswordChangeDateTime"
    " securityIdentifier identities otherMails department companyName employeeId employeeType"
    " city country state streetAddress postalCode usageLocation faxNumber imAddresses"
    " passwordPolicies passwordProfile assignedLicenses assignedPlans provisionedPlans"
    " licenseAssignmentStates creationType externalUserState externalUserStateChangeDateTime"
    " ageGroup consentProvidedForMinor legalAgeGroupClassification employeeHireDate"
    " employeeLeaveDateTime employeeOrgData isManagementRestricted isResourceAccount"
    " preferredDataLocation showInAddressList signInSessionsValidFromDateTime"
    " authorizationInfo customSecurityAttributes"
    " signInActivity aboutMe birthday hireDate interests mySite pastProjects"
    " responsibilities schools skills",
    "businessPhones proxyAddresses onPremisesProvisioningErrors serviceProvisioningErrors"
    " identities otherMails imAddresses assignedLicenses assignedPlans provisionedPlans"
    " licenseAssignmentStates interests pastProjects responsibilities schools skills",
    refused_in_delta="signInActivity aboutMe birthday hireDate interests mySite pastProjects"
    " responsibilities schools skills",
    soft_delete=True,
    beta="onPremisesObjectIdentifier",
)

GROUP: Final = _schema(
    "group",
    "groups",
    "#microsoft.graph.group",
    "deletedDateTime classification createdDateTime description displayName expirationDateTime"
    " groupTypes isAssignableToRole mail mailEnabled mailNickname membershipRule"
    " membershipRuleProcessingState onPremisesDomainName onPremisesLastSyncDateTime"
    " onPremisesNetBiosName onPremisesSamAccountName onPremisesSecurityIdentifier"
    " onPremisesSyncEnabled preferredDataLocation preferredLanguage proxyAddresses"
    " renewedDateTime resourceBehaviorOptions resourceProvisioningOptions securityEnabled"
    " securityIdentifier theme uniqueName visibility onPremisesProvisioningErrors"
    " serviceProvisioningErrors",
    "writebackConfiguration onPremisesExtensionAttributes isManagementRestricted creationOptions",
    "groupTypes proxyAddresses resourceBehaviorOptions resourceProvisioningOptions"
    " onPremisesProvisioningErrors serviceProvisioningErrors creationOptions",
    soft_delete=True,
)

CONTACT: Final = _schema(
    "contact",
    "contacts",
    "#microsoft.graph.orgContact",
    "deletedDateTime companyName department displayName givenName jobTitle mail mailNickname"
    " onPremisesLastSyncDateTime onPremisesSyncEnabled proxyAddresses surname addresses"
    " onPremisesProvisioningErrors phones serviceProvisioningErrors",
    "",
    "proxyAddresses addresses phones onPremisesProvisioningErrors serviceProvisioningErrors",
)

DEVICE: Final = _schema(
    "device",
    "devices",
    "#microsoft.graph.device",
    "deletedDateTime accountEnabled approximateLastSignInDateTime complianceExpirationDateTime"
    " deviceCategory deviceId deviceMetadata deviceOwnership deviceVersion displayName"
    " enrollmentProfileName enrollmentType isCompliant isManaged isManagementRestricted isRooted"
    " managementType manufacturer mdmAppId model onPremisesLastSyncDateTime"
    " onPremisesSyncEnabled operatingSystem operatingSystemVersion physicalIds profileType"
    " registrationDateTime systemLabels trustType alternativeSecurityIds",
    "onPremisesSecurityIdentifier extensionAttributes",
    "physicalIds systemLabels alternativeSecurityIds",
)

SCHEMAS: Final[Mapping[Kind, KindSchema]] = {
    "user": USER,
    "group": GROUP,
    "contact": CONTACT,
    "device": DEVICE,
}
BY_SEGMENT: Final[Mapping[str, KindSchema]] = {s.segment: s for s in SCHEMAS.values()}


def shown(name: str, value: Any) -> Any:
    """Complete a stored value to the form Graph sends: extension attributes list all fifteen."""
    if name == "onPremisesExtensionAttributes" and isinstance(value, dict):
        return {attribute: value.get(attribute) for attribute in EXTENSION_ATTRIBUTES}
    return value
