"""Domain names: which top-level domains exist, and whether a name is well formed, routable, verified.

Source of the list: the Public Suffix List snapshot that tldextract ships (its ICANN part names every
delegated top-level domain); nothing is fetched. Internationalised names are judged in their A-label form
(RFC 5891, by `idna`), so `münchen.de` and `xn--mnchen-3ya.de` are one name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache

import idna

# Letters, digits, hyphen; the underscore because UPN suffixes may hold it (domain.md section 8).
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NOT_IN_DOMAIN = re.compile(r"[^\w.-]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class DomainVerdict:
    """What is known of a domain name.

    ascii_name:  A-labels in lower case; for a malformed name its lower-case text.
    well_formed: its labels are letters, digits, hyphens, underscores, or a valid internationalised form.
    routable:    well formed, at least two labels, and the last is a top-level domain that exists.
    verified:    one of the tenant's verified domains; True while those are unknown.
    clean:       routable and verified: nothing is wrong with it.
    """

    ascii_name: str
    well_formed: bool
    routable: bool
    verified: bool
    clean: bool


def judge_domain(name: str, top_level_domains: Collection[str], verified: Collection[str] | None) -> DomainVerdict:
    """The verdict on `name`. Unverified subdomains of a verified domain are unverified: Entra lists each."""
    ascii_name = _ascii_form(name)
    if ascii_name is None:
        return DomainVerdict(name.lower(), well_formed=False, routable=False, verified=verified is None, clean=False)
    _, dot, last = ascii_name.rpartition(".")
    routable = bool(dot) and last in top_level_domains
    is_verified = verified is None or ascii_name in verified
    return DomainVerdict(
        ascii_name, well_formed=True, routable=routable, verified=is_verified, clean=routable and is_verified
    )


def repaired_domain(name: str) -> str:
    """The name without the characters that no domain holds, and without empty labels."""
    kept = _NOT_IN_DOMAIN.sub("", name)
    return ".".join(label.strip("-") for label in kept.split(".") if label.strip("-"))


@cache
def current_top_level_domains() -> frozenset[str]:
    """Every top-level domain of the bundled snapshot, in A-label form, without the dot."""
    import tldextract

    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    return top_level_domains_of(suffix.rpartition(".")[2] for suffix in extract.tlds)


def top_level_domains_of(lines: Iterable[str]) -> frozenset[str]:
    """A list of top-level domains, one a line, with or without the dot, A-labels or U-labels, in A-labels.

    Reads IANA's `tlds-alpha-by-domain.txt` as well: lines that start with "#" are comments.
    Names that are not valid are left out.
    """
    names = (line.strip().lstrip(".").lower() for line in lines)
    forms = (_ascii_form(name) for name in names if name and not name.startswith("#"))
    return frozenset(form for form in forms if form is not None)


def _ascii_form(name: str) -> str | None:
    lowered = name.lower()
    if not lowered.isascii():
        try:
            lowered = idna.encode(lowered, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    if len(lowered) > 253 or not all(map(_LABEL.fullmatch, lowered.split("."))):
        return None
    if "xn--" in lowered:
        try:
            idna.decode(lowered.replace("_", "-"))
        except (idna.IDNAError, UnicodeError):
            return None
    return lowered
