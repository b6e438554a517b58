"""The domains that Microsoft itself gives to tenants, in each of its clouds.

Sources: Microsoft, "Add and verify custom domain names" (initial domain); docs.azure.cn, "Identity synchronization and
duplicate attribute resiliency" (China); Microsoft 365 operated by 21Vianet, help (the alias that every mailbox gets).
Exchange hybrid routes by a second domain: <tenant>.mail.onmicrosoft.com, in China <tenant>.partner.mail.onmschina.cn.
"""

from __future__ import annotations

INITIAL_DOMAINS = (".onmicrosoft.com", ".onmicrosoft.us", ".onmicrosoft.de", ".partner.onmschina.cn")
"""How a tenant's initial domain ends."""
OWN_DOMAINS = (*INITIAL_DOMAINS, ".partner.mail.onmschina.cn")
"""How every domain ends that a tenant has from Microsoft: the cloud fills addresses there by itself."""
RESERVED_DOMAINS = (*OWN_DOMAINS, ".microsoftonline.com")
"""Addresses that end so are not taken from AD ("How the proxyAddresses attribute is populated")."""
