"""The key of seamless single sign-on is old, or its account is disabled or gone.

Source: Microsoft, "Microsoft Entra seamless single sign-on: Frequently asked questions": roll the Kerberos key of
AZUREADSSOACC over at least every 30 days. That a rollover sets pwdLastSet follows from its being a password reset.
"""

from __future__ import annotations

from typing import Any

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.forest_view import ForestView

_DAY_MS = 86_400_000
WARN_MS, HIGH_MS = 30 * _DAY_MS, 60 * _DAY_MS
# Who removes the account on purpose need not look at it for ever.
_GONE_MS = 30 * _DAY_MS

DETECTION = Detection(
    id="engine.seamless_sso_key_stale",
    views=(ForestView,),
    title="Seamless single sign-on needs a new key",
    severity=Severity.MEDIUM,
    remediation=(
        "Roll the key over once, as a domain administrator: Update-AzureADSSOForest in the AzureADSSO module of the "
        "Connect server; never twice in a row, or sign-in breaks until tickets expire. Disabled or deleted: enable or "
        "restore the account, or switch the feature off in Entra Connect. Nobody uses it: switch it off, too."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sso-faq",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sso-how-it-works",
    ),
    false_positives=("Seamless single sign-on was switched off and its account removed on purpose.",),
    known_gaps=("Whether anybody uses it is in the domain controllers' security log (4769), which we do not read.",),
)


def evaluate(view: ForestView, context: Context, now_ms: int) -> Verdict | None:
    """Fires at 30 days, severe at 60; critical while the account is disabled, and for 30 days once it is deleted."""
    account = view.sso
    if account is None:
        return None
    evidence: dict[str, Any] = {
        "account": account.distinguished_name,
        "password_set": rfc3339(account.password_set_ms) if account.password_set_ms else None,
        "enabled": account.enabled,
        "deleted": account.deleted,
    }
    if account.deleted or account.enabled is False:
        forgotten_ms = account.changed_ms + _GONE_MS
        if account.deleted and now_ms >= forgotten_ms:
            return None
        state = "deleted" if account.deleted else "disabled"
        return Verdict(
            summary=f"The account of seamless single sign-on in forest {view.name} is {state}",
            since_ms=account.changed_ms,
            open_at_ms=0,
            recheck_at_ms=forgotten_ms if account.deleted else None,
            severity=Severity.CRITICAL,
            subject=view.subject(),
            forest=view.name,
            evidence=evidence,
        )
    if account.password_set_ms is None:
        return None
    set_ms = account.password_set_ms
    return Verdict(
        summary=f"The key of seamless single sign-on in forest {view.name} is from {rfc3339(set_ms)}",
        since_ms=set_ms + WARN_MS,
        open_at_ms=set_ms + WARN_MS,
        recheck_at_ms=set_ms + HIGH_MS,
        severity=Severity.HIGH if now_ms >= set_ms + HIGH_MS else Severity.MEDIUM,
        subject=view.subject(),
        forest=view.name,
        evidence=evidence,
    )
