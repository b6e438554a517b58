"""Alert rules about the mistakes that users make with their own passwords: one is nobody's business, a wave is."""

from __future__ import annotations

from deploy.prometheus.alert_rule import AlertRule
from streams.contracts.finding import Severity
from streams.measures.registry import all_counts
from streams.views.password.errors import USERS_OWN

LEAST_USERS = 10
TIMES_USUAL = 3

# Whoever failed counts until the next success, a day at most: the gauge is a rate by the day.
_CLASSES = f'{{class=~"{"|".join(sorted(USERS_OWN))}"}}'
_USERS = f"sum by (tenant, forest, class) ({all_counts()['writeback'].family.metric}{_CLASSES})"

WRITEBACK_RULES = (
    AlertRule(
        name="SyncHealthPasswordMistakesWave",
        severity=Severity.MEDIUM,
        # The last week with its Monday; the last three hours are the wave itself. No history: nothing is usual.
        expr=f"""\
{_USERS} >= {LEAST_USERS}
unless
    {_USERS}
  <= {TIMES_USUAL} * max_over_time(
    {_USERS}[7d:30m] offset 3h
  )
""",
        for_="10m",
        keep_firing_for="5m",
        summary="Unusually many users fail to set a password ({{ $labels.class }}, forest {{ $labels.forest }})",
        description=(
            "The last password operation of {{ $value }} users in forest {{ $labels.forest }} failed with class "
            f"{{{{ $labels.class }}}}, more than {TIMES_USUAL} times the most of the last week. Each alone is the "
            "user's own mistake; so many point at a changed policy, a filter, or somebody who tries passwords. "
            "List them: synchealth findings --detection writeback.password_writeback_failed"
        ),
        runbook="deploy/prometheus/runbooks/SyncHealthPasswordMistakesWave.md",
        dashboard="synchealth-writeback",
    ),
)
