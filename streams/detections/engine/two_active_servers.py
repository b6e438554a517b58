"""Two Connect servers write to one tenant in turns: only one may be active, the other has to be in staging mode.

Source: Microsoft, "Microsoft Entra Connect: Staging server and disaster recovery"; the audit log names the server in
the account or application that writes (Sync_<server>_…, ConnectSyncProvisioning_<server>_…).
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.engine._turns import turns
from streams.views.tenant import TenantView

# A, B, A, B: a server that takes over, and one that takes back, is no second one.
FEWEST_TURNS = 4
# When all but one have been quiet for so long it is over: an active server has something to write in most cycles.
QUIET_CYCLES = 4

DETECTION = Detection(
    id="engine.two_active_servers",
    views=(TenantView,),
    title="Two Connect servers write to one tenant",
    severity=Severity.CRITICAL,
    remediation=(
        "Put the server that should not be active into staging mode now (Entra Connect, Configure staging mode). Then "
        "compare both configurations: each has been undoing what the other wrote, and password writeback may listen "
        "on the wrong one until the ADSync service of the right one is restarted."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-staging-server",),
    false_positives=("Several forests each with a Connect server of its own: an unsupported topology all the same.",),
    known_gaps=(
        "Seen in audits: a second server that has nothing to write is not noticed.",
        "A server that signs in with an application whose name was chosen by hand is not recognised.",
        "A second server that writes nothing for four cycles is taken for one in staging mode, until it writes again.",
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires when servers took turns at least A, B, A, B until all but one have been quiet for four cycles."""
    taken = turns(view)
    if len(taken) < FEWEST_TURNS:
        return None
    latest = {server: ts_ms for ts_ms, server in view.exports}
    over_ms = sorted(latest.values())[-2] + QUIET_CYCLES * context.cycle_ms
    if now_ms >= over_ms:
        return None
    servers = sorted({server for _, server in taken})
    return Verdict(
        summary=f"{' and '.join(servers)} write to the tenant in turns",
        since_ms=taken[1][0],
        open_at_ms=0,
        recheck_at_ms=over_ms,
        subject=view.subject(),
        evidence={"servers": servers, "turns": len(taken), "latest": rfc3339(taken[-1][0])},
    )
