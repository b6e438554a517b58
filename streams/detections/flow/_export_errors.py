"""What the names of export errors mean, and what to do. Names that are not here are told as they come.

Source: Microsoft, "Troubleshoot errors during synchronization" and "Microsoft Entra Connect Health: sync errors";
"Source of authority" and "Prevent accidental deletes" for the deletions. A name that no page explains has the way to
the engine's own words.
"""

from __future__ import annotations

ADVICE = {
    "AttributeValueMustBeUnique": "Another object holds the value: decide who keeps it, and remove it from the other "
    "in Active Directory, or in Entra ID where that one is a cloud object.",
    "InvalidSoftMatch": "The address or UPN belongs to a cloud object with another source anchor. If both are one "
    "person, correct the anchor of the cloud object; else remove the value on one side.",
    "InvalidHardMatch": "A cloud object with this source anchor may not be taken over. If both are one person, allow "
    "hard match (BlockCloudObjectTakeoverThroughHardMatch) for the time of one cycle; mind that role holders are "
    "refused always.",
    "ObjectTypeMismatch": "The address belongs to an object of another kind (user, group, contact): "
    "remove it from one.",
    "DataValidationFailed": "A value has characters or a form that Entra ID does not take: "
    "correct it in Active Directory.",
    "IdentityDataValidationFailed": "The userPrincipalName has characters or a form that Entra ID does not take: "
    "correct it in Active Directory.",
    "FederatedDomainChangeError": "The UPN suffix moved from one federated domain to another: change it over a managed "
    "suffix such as <tenant>.onmicrosoft.com, with a cycle between both steps.",
    "LargeObject": "An attribute has too many or too long values (userCertificate, userSMIMECertificate, "
    "thumbnailPhoto, proxyAddresses): remove old ones. Until then no other change of the object is exported.",
    "ExceededAllowedLength": "A value is longer than Entra ID takes: shorten it in Active Directory.",
    "ExistingAdminRoleConflict": "The cloud account with this UPN or address holds a directory role and is not taken "
    "over: take the role from it, let it match, and give the role back; or change the value.",
    "DeletingCloudOnlyObjectNotAllowed": "The engine wants to delete an object that the cloud manages: end its "
    "synchronisation in the connector space, or convert its source of authority back first.",
}
UNKNOWN = (
    "The name is not one that is explained here: read evidence.said, and in Synchronization Service Manager the export "
    "error of the object that the finding names (Operations, the export, Export Errors, Detail)."
)
