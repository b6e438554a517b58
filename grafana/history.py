"""Every SQL statement of the dashboards, for a history in PostgreSQL (sinks/history/schema.py: times in milliseconds).

`$__from` and `$__to` are the ends of the time shown in milliseconds, a variable of many values becomes a quoted list:
https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/ and
https://grafana.com/docs/grafana/latest/datasources/postgres/ . A finding without a forest is of the forest `none`.
"""

from __future__ import annotations

MOST = 500
"""Rows of a table."""

_NOW = "extract(epoch FROM now()) * 1000"
_CHOSEN = (
    "family IN ($family) AND severity IN ($severity) AND tenant IN ($tenant) AND coalesce(forest, 'none') IN ($forest)"
)
_WEEK = "to_timestamp(floor(({at} - 345600000) / 604800000.0) * 604800 + 345600)"
"""The Monday, UTC, on or before a time in milliseconds: 1970-01-05 was one."""
_SHOWN = "{at} BETWEEN $__from AND $__to"


def choices(column: str) -> str:
    """The values of a column of the episodes."""
    return f"SELECT DISTINCT coalesce({column}, 'none') FROM episode ORDER BY 1"  # noqa: S608 - ours


def count_of(state: str) -> str:
    """How many findings stand so now."""
    return f"SELECT count(*) AS findings FROM episode WHERE state = '{state}' AND {_CHOSEN}"  # noqa: S608 - ours


def count_within(at: str) -> str:
    """How many opened (`opened_ms`) or were resolved (`resolved_ms`) within the time shown."""
    return f"SELECT count(*) AS findings FROM episode WHERE {_SHOWN.format(at=at)} AND {_CHOSEN}"  # noqa: S608 - ours


def repair_time(share: float) -> str:
    """How long this share of those resolved within the time shown stood at most, in seconds."""
    return (
        f"SELECT percentile_cont({share}) WITHIN GROUP (ORDER BY (resolved_ms - opened_ms) / 1000.0) AS seconds\n"
        f"FROM episode WHERE {_SHOWN.format(at='resolved_ms')} AND {_CHOSEN}"
    )


_ROW = "name, severity, detection, kind, summary, coalesce(forest, 'none') AS forest, unit"

OPEN = f"""\
SELECT {_ROW},
  to_timestamp(opened_ms / 1000.0) AS opened, ({_NOW} - opened_ms) / 1000 AS age, attention, owner, finding
FROM episode WHERE state = 'open' AND {_CHOSEN}
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], severity), opened_ms DESC LIMIT {MOST}"""  # noqa: S608

RESOLVED = f"""\
SELECT {_ROW},
  to_timestamp(resolved_ms / 1000.0) AS resolved, (resolved_ms - opened_ms) / 1000 AS stood, finding
FROM episode WHERE {_SHOWN.format(at="resolved_ms")} AND {_CHOSEN}
ORDER BY resolved_ms DESC LIMIT {MOST}"""  # noqa: S608

REPEATED = f"""\
SELECT max(name) AS name, detection, count(*) AS episodes, count(*) FILTER (WHERE state = 'open') AS open,
  to_timestamp(min(opened_ms) / 1000.0) AS first, to_timestamp(max(opened_ms) / 1000.0) AS latest, finding
FROM episode WHERE {_CHOSEN}
GROUP BY finding, detection HAVING count(*) > 1
ORDER BY episodes DESC, latest DESC LIMIT {MOST}"""  # noqa: S608

OBJECTS = f"""\
SELECT max(episode.name) AS name, max(involved.kind) AS kind, max(involved.side) AS side,
  count(DISTINCT episode.finding) FILTER (WHERE episode.state = 'open') AS open,
  count(DISTINCT episode.finding) AS findings, count(DISTINCT episode.id) AS episodes,
  to_timestamp(max(episode.opened_ms) / 1000.0) AS latest, involved.object
FROM involved JOIN episode ON episode.id = involved.episode
WHERE (episode.state = 'open' OR {_SHOWN.format(at="opened_ms")}) AND {_CHOSEN}
GROUP BY involved.object ORDER BY open DESC, episodes DESC, latest DESC LIMIT {MOST}"""  # noqa: S608

UNITS = f"""\
SELECT coalesce(forest, 'none') AS forest, unit,
  count(*) FILTER (WHERE state = 'open') AS open,
  count(*) FILTER (WHERE {_SHOWN.format(at="opened_ms")}) AS opened,
  count(*) FILTER (WHERE {_SHOWN.format(at="resolved_ms")}) AS resolved,
  max({_NOW} - opened_ms) FILTER (WHERE state = 'open') / 1000 AS oldest
FROM episode WHERE unit IS NOT NULL AND {_CHOSEN}
GROUP BY 1, 2 ORDER BY open DESC, opened DESC LIMIT {MOST}"""  # noqa: S608

AGES = f"""\
WITH span (least, most, age) AS (VALUES (0, 1, 'up to a day'), (1, 7, 'up to a week'), (7, 30, 'up to 30 days'),
  (30, 90, 'up to 90 days'), (90, 100000, 'longer'))
SELECT span.age,
  count(episode.id) FILTER (WHERE severity IN ('critical', 'high')) AS "critical and high",
  count(episode.id) FILTER (WHERE severity IN ('medium', 'low')) AS "medium and low"
FROM span LEFT JOIN episode ON state = 'open' AND {_CHOSEN}
  AND ({_NOW} - opened_ms) / 86400000 >= span.least AND ({_NOW} - opened_ms) / 86400000 < span.most
GROUP BY span.age, span.least ORDER BY span.least"""  # noqa: S608


def by_week(at: str) -> str:
    """Opened (`opened_ms`) or resolved (`resolved_ms`) per week and family."""
    return (
        f"SELECT {_WEEK.format(at=at)} AS time, family AS metric, count(*) AS value\n"
        f"FROM episode WHERE {_SHOWN.format(at=at)} AND {_CHOSEN}\n"
        "GROUP BY 1, 2 ORDER BY 1, 2"
    )


# What changes in each of 120 steps, added up: a row for every time and episode would be a hundred times as many.
STANDING = f"""\
WITH width AS (SELECT greatest(($__to::bigint - $__from::bigint) / 120, 1) AS ms),
change AS (
  SELECT severity, ceil((greatest(opened_ms, $__from) - $__from) / ms::numeric)::int AS step, count(*) AS number
  FROM episode, width WHERE opened_ms <= $__to AND coalesce(resolved_ms, $__to + 1) > $__from AND {_CHOSEN}
  GROUP BY 1, 2
  UNION ALL
  SELECT severity, ceil((resolved_ms - $__from) / ms::numeric)::int, -count(*)
  FROM episode, width WHERE resolved_ms > $__from AND resolved_ms <= $__to AND {_CHOSEN}
  GROUP BY 1, 2
)
SELECT to_timestamp(($__from + step * ms) / 1000.0) AS time, severity AS metric,
  sum(coalesce(sum(number), 0)) OVER (PARTITION BY severity ORDER BY step) AS value
FROM generate_series(0, 120) AS step CROSS JOIN width CROSS JOIN (SELECT DISTINCT severity FROM change) AS known
LEFT JOIN change USING (step, severity)
GROUP BY step, severity, ms ORDER BY 1, 2"""  # noqa: S608

REPAIR = f"""\
SELECT {_WEEK.format(at="resolved_ms")} AS time, unnest(ARRAY['half', '9 of 10']) AS metric,
  unnest(percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY (resolved_ms - opened_ms) / 1000.0)) AS value
FROM episode WHERE {_SHOWN.format(at="resolved_ms")} AND {_CHOSEN}
GROUP BY 1 ORDER BY 1"""  # noqa: S608

# time, timeEnd (milliseconds), title, text, tags:
# https://grafana.com/docs/grafana/latest/datasources/postgres/annotations/
MARKS = f"""\
SELECT opened_ms AS time, resolved_ms AS timeend, detection AS title, name AS text, severity AS tags
FROM episode WHERE severity IN ('critical', 'high') AND {_SHOWN.format(at="opened_ms")} AND {_CHOSEN}
ORDER BY opened_ms DESC LIMIT {MOST}"""  # noqa: S608
