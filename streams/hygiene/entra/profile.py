"""The profile `entra`: what the service and Entra Connect reject, rewrite or drop today.

Differences from IdFix, each a test with both verdicts (tests/unit/streams/hygiene/test_divergences.py):
apostrophes are allowed; domains may be internationalised and are compared with today's top-level domains and
the tenant's verified ones; the parts of a UPN have limits of their own; addresses are unique across
attributes; X400 and X500 names are left alone; no person is skipped for the start of a name.
"""

from __future__ import annotations

from streams.hygiene.entra.mail_addresses import mail_chain, nickname_chain, proxy_chain, target_chain
from streams.hygiene.entra.names import account_name_chain, display_name_chain, given_name_chain
from streams.hygiene.entra.sign_in import sign_in_chain
from streams.hygiene.entra.skips import skip
from streams.hygiene.entra.whole_object import is_plain, object_rules
from streams.hygiene.objects import ATTRIBUTES
from streams.hygiene.rules import Profile


def entra_profile() -> Profile:
    """The rule book; what it knows of a tenant comes with each check."""
    return Profile(
        name="entra",
        chains=(
            display_name_chain(),
            given_name_chain(),
            mail_chain(),
            nickname_chain(),
            proxy_chain(),
            account_name_chain(),
            target_chain(),
            sign_in_chain(),
        ),
        object_rules=object_rules(),
        plain=is_plain,
        skip=skip,
        later_only=False,
        echoes=False,
        attributes=(*ATTRIBUTES, "objectClass"),
        ldap_filter="(|(objectCategory=person)(objectCategory=group))",
    )
