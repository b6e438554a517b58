"""How IdFix is set up: its mode, the alternate-login switch, its list of top-level domains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

import idna

from streams.hygiene.domains import current_top_level_domains

LISTED_THOUGH_GONE = frozenset({"an"})
NOT_LISTED = frozenset({"app", "music", "shop", "bot", "inc", "gay"})
"""Known differences of IdFix 2.6's list from the root zone (idfix.md section 9). There are more: its list
stopped between 2015 and 2022. Exact parity needs IdFix's own domains.txt, read by `listed_domains`."""


class Mode(StrEnum):
    """IdFix's two rule sets."""

    MULTI_TENANT = "multi-tenant"
    DEDICATED = "dedicated"


@cache
def assumed_domains() -> frozenset[str]:
    """The top-level domains IdFix is taken to know where its own list is not at hand, with their dot.

    Today's list with the known differences; U-labels only, since IdFix lists no punycode.
    """
    listed = set()
    for name in (current_top_level_domains() - NOT_LISTED) | LISTED_THOUGH_GONE:
        listed.add("." + (idna.decode(name) if name.startswith("xn--") else name))
    return frozenset(listed)


def listed_domains(lines: Iterable[str]) -> frozenset[str]:
    """The lines of IdFix's domains.txt as IdFix reads them: trimmed and in lower case, nothing else."""
    return frozenset(line.strip().lower() for line in lines)


@dataclass(frozen=True, slots=True)
class IdfixOptions:
    """IdFix's settings.

    alternate_login: IdFix's "use alternate login" setting: no UPN rule runs.
    top_level_domains: as `listed_domains` gives them: lower case, with the dot.
    """

    mode: Mode = Mode.MULTI_TENANT
    alternate_login: bool = False
    top_level_domains: frozenset[str] = field(default_factory=assumed_domains)
