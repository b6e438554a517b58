"""Two Connect servers write to one tenant in turns: only one may be active, the other has to be in staging mode.

Source: Microsoft, "Microsoft Entra Connect: Staging server and disaster recovery" (one in staging mode runs cycles as
well, and exports nothing); the audit log names the server in the account or application that writes
(Sync_<server>_…, ConnectSyncProvisioning_<server>_…); Directory Synchronization 904 of each server's own log tells its
exports, those that had nothing to write included.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.engine._turns import logged_exports, turns
from streams.views.installation.tenant_view import TenantView

# A, B, A, B: a server that takes over, and one that takes back, is no second one.
FEWEST_TURNS = 4
# When all but one have been quiet for so long it is over: an active server has something to write in most cycles.
QUIET_CYCLES = 4

# What Kerberos tolerates between the clocks of two members of a domain (MaxClockSkew, five minutes).
SKEW_MS = 300_000
MIXED_UP = 2

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
        "Where no log of the servers is shipped: a second server that has nothing to write is not noticed.",
        "A server that signs in with an application whose name was chosen by hand is not recognised.",
        "A second server that writes nothing for four cycles is taken for one in staging mode, until it writes again.",
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires when servers took turns until all but one have been quiet for four cycles.

    Of what audits tell, at least A, B, A, B. Exports that servers log come with every cycle: A, B, A is enough where A
    was not quiet for so long meanwhile.
    """
    quiet_ms = QUIET_CYCLES * context.cycle_ms
    logged = logged_exports(view)
    shown = [view.exports] if len(turns(view.exports)) >= FEWEST_TURNS else []
    shown += [logged] if _goes_on(logged, quiet_ms) else []
    if not shown:
        return None
    writes = max(shown, key=_last_of_the_second_ms)
    over_ms = _last_of_the_second_ms(writes) + quiet_ms
    if now_ms >= over_ms:
        return None
    taken = turns(writes)
    servers = sorted({server for _, server in taken})
    return Verdict(
        summary=f"{' and '.join(servers)} write to the tenant in turns",
        since_ms=taken[1][0],
        open_at_ms=0,
        recheck_at_ms=over_ms,
        subject=view.subject(),
        evidence={"servers": servers, "turns": len(taken), "latest": rfc3339(taken[-1][0])},
    )


def _last_of_the_second_ms(writes: Sequence[tuple[int, str]]) -> int:
    latest = {server: ts_ms for ts_ms, server in writes}
    return sorted(latest.values())[-2]


def _goes_on(exports: Sequence[tuple[int, str]], quiet_ms: int) -> bool:
    """Whether a server exported before and after another one without a pause in which that one stood in for it.

    Once is enough, if their clocks cannot have made it so of a server that took over: those mix up one export at most.
    """
    latest: dict[str, int] = {}
    returns, previous = 0, ""
    for ts_ms, server in exports:
        if previous != server and ts_ms - latest.get(server, -quiet_ms) < quiet_ms:
            returns += 1
            between_ms = latest[previous]
            if returns > MIXED_UP or min(between_ms - latest[server], ts_ms - between_ms) > SKEW_MS:
                return True
        latest[server], previous = ts_ms, server
    return False
