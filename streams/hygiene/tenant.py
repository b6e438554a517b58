"""What the rules may know of the tenant and the world: its domains, and the top-level domains that exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streams.contracts.clouds import INITIAL_DOMAINS, OWN_DOMAINS
from streams.contracts.facts import TenantState
from streams.hygiene.domains import DomainVerdict, current_top_level_domains, judge_domain

_REMEMBERED_DOMAINS = 50_000


@dataclass(frozen=True, slots=True)
class TenantContext:
    """The tenant as the profile `entra` needs it. Domain names are A-labels in lower case.

    verified_domains: every verified domain, the preferred one for proposals first; None while they are
                      unknown, and then no rule judges by them.
    initial_domain:   `<name>.onmicrosoft.com` (or another cloud's) that rewritten UPNs get; None while unknown.
    top_level_domains: what counts as routable.
    """

    verified_domains: tuple[str, ...] | None = None
    initial_domain: str | None = None
    top_level_domains: frozenset[str] = field(default_factory=current_top_level_domains)
    _verdicts: dict[str, DomainVerdict] = field(default_factory=dict, compare=False, repr=False)

    def domain(self, name: str) -> DomainVerdict:
        """The verdict on a domain name as written. Remembered: directories repeat few names."""
        verdict = self._verdicts.get(name)
        if verdict is None:
            if len(self._verdicts) >= _REMEMBERED_DOMAINS:
                self._verdicts.clear()
            verdict = judge_domain(name, self.top_level_domains, self.verified_domains)
            self._verdicts[name] = verdict
        return verdict

    @property
    def preferred_domain(self) -> str | None:
        """The verified domain to offer in proposals: the first that is not the initial one."""
        for name in self.verified_domains or ():
            if not name.endswith(OWN_DOMAINS):
                return name
        return None


def tenant_of_domains(
    verified_domains: Iterable[str], top_level_domains: frozenset[str] | None = None
) -> TenantContext:
    """The context of a tenant known only by its verified domains, in any case and any form.

    No domain at all means "unknown", not "none". The initial domain is the shortest that ends in
    Microsoft's own suffix (`contoso.onmicrosoft.com`, not `contoso.mail.onmicrosoft.com`).
    """
    tlds = current_top_level_domains() if top_level_domains is None else top_level_domains
    names = tuple(dict.fromkeys(judge_domain(name, tlds, None).ascii_name for name in verified_domains))
    return TenantContext(names or None, _initial_of(names), tlds)


def tenant_of_state(state: TenantState) -> TenantContext:
    """The context of a tenant as the tenant source reported it (the default domain first)."""
    if state.domains is None:
        return TenantContext()
    verified = [domain for domain in state.domains if domain.is_verified]
    verified.sort(key=lambda domain: not domain.is_default)
    tlds = current_top_level_domains()
    names = tuple(judge_domain(domain.name, tlds, None).ascii_name for domain in verified)
    initial = next((domain.name.lower() for domain in verified if domain.is_initial), None)
    return TenantContext(names, initial or _initial_of(names), tlds)


def _initial_of(names: Sequence[str]) -> str | None:
    return min((name for name in names if name.endswith(INITIAL_DOMAINS)), key=len, default=None)
