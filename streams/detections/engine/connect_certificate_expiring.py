"""The certificate with which a Connect server signs in to Entra ID runs out, or has run out, as the server itself says.

Source: MicrosoftDocs/entra-docs, connect/authenticate-application-id.md: 1011 (warning) it runs out within 150 days,
1012 (error) it has run out. The texts are not documented: they are shown as they are, and nothing is read from them.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.server_view import ServerView

# How often the server repeats itself is documented nowhere; a server's view remembers as long
# (streams.directory.event_slots).
REMEMBERED_MS = 7 * 86_400_000
_EXPIRING, _EXPIRED = "adsync/1011", "adsync/1012"
# What the level must be: an event of information says that something is well.
_LEVELS = {_EXPIRING: ("warning", "error", "critical"), _EXPIRED: ("error", "critical")}

DETECTION = Detection(
    id="engine.connect_certificate_expiring",
    views=(ServerView,),
    title="The certificate of a Connect server runs out",
    severity=Severity.MEDIUM,
    remediation=(
        "Renew the application's certificate on the server that the finding names. Entra Connect does so itself where "
        "it manages the certificate: see why it did not (its service, the application's permission). A certificate of "
        "your own is yours to renew and to add to the application, before the old one ends."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/authenticate-application-id",),
    false_positives=("A certificate that was renewed since: it clears a week after the last event.",),
    known_gaps=(
        "Needs the Connect server's event log. The day on which the certificate ends stands, if anywhere, in the text.",
        "An event of renewal is documented nowhere, so only silence tells that it is over.",
    ),
    no_story="The texts of 1011 and 1012 are published nowhere: the lab does not make them up.",
)


def evaluate(view: ServerView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the newest of the two events is younger than a week; high once the certificate has run out."""
    told = [event for event in view.of(_EXPIRING, _EXPIRED) if event.details.get("level") in _LEVELS[event.name]]
    if not told or now_ms >= told[-1].ts_ms + REMEMBERED_MS:
        return None
    newest = told[-1]
    expired = newest.name == _EXPIRED
    ends = "has run out" if expired else "runs out"
    evidence = {
        "event": int(newest.name.rpartition("/")[2]),
        "at": rfc3339(newest.ts_ms),
        "said": newest.reason[:300] if newest.reason else None,
    }
    return Verdict(
        summary=f"The certificate with which {view.name} signs in to Entra ID {ends}",
        since_ms=told[0].ts_ms,
        open_at_ms=0,
        recheck_at_ms=newest.ts_ms + REMEMBERED_MS,
        severity=Severity.HIGH if expired else Severity.MEDIUM,
        subject=view.subject(),
        evidence={name: value for name, value in evidence.items() if value is not None},
    )
