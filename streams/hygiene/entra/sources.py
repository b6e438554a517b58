"""Where the rules of the profile `entra` are written down."""

PREPARE = 'Microsoft, "Prepare for directory synchronization to Microsoft 365", section 2 (2023-12)'
UPN_POPULATION = 'Microsoft, "Microsoft Entra UserPrincipalName population" (2025-04)'
SHADOW = 'Microsoft, "Microsoft Entra Connect Sync service shadow attributes" (2024-12)'
RESILIENCY = 'Microsoft, "Identity synchronization and duplicate attribute resiliency" (2024-12)'
SYNC_ERRORS = 'Microsoft, "Understanding errors during Microsoft Entra synchronization" (2024-01)'
LARGE_OBJECT = 'Microsoft, "LargeObject errors caused by userCertificate" (2024-12)'
DEFAULTS = 'Microsoft, "Microsoft Entra Connect Sync: Understanding the default configuration" (2024-12)'
EXISTING_TENANT = 'Microsoft, "Microsoft Entra Connect: When you have an existing tenant" (2024-12)'
