"""What the roles in a finding mean, in words for its reader."""

from __future__ import annotations

_WORDS = {
    "keeps": "keeps it",
    "likely_keeps": "likely keeps it",
    "holds": "holds it in the cloud",
    "quarantined": "Entra ID has quarantined it here",
    "would_be_quarantined": "Entra ID would quarantine it here",
    "would_fail_to_export": "Entra ID would refuse it as a whole, at each export",
    "left_out": "Entra ID takes it in no export",
    "taken_over": "would be taken over",
    "takes_over": "would take it over",
    "blocked": "cannot be matched: its export fails",
    "carries_anchor": "carries the anchor",
    "matched": "matched by the anchor",
    "failing": "a workload cannot provision it",
    "not_synchronised": "is not synchronised",
    "refers": "refers to it",
    "out_of_scope": "out of sync scope: claims nothing in the cloud",
}


def role_words(role: str | None) -> str:
    """The words for a role; one without any speaks for itself."""
    return _WORDS.get(role or "", (role or "").replace("_", " "))
