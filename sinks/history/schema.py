"""The tables of the history, for SQLite and PostgreSQL alike. Times are milliseconds since the epoch.

An episode is a finding from its opening to its resolution: one that opens again is a new episode, so repeat
offenders are a GROUP BY. The table `names` is what people search by: FTS5 in SQLite, a pg_trgm index in PostgreSQL
(both made by the migration, as SQLAlchemy knows neither).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData()


def _episode_key() -> Column[int]:
    return Column("episode", BigInteger, ForeignKey("episode.id", ondelete="CASCADE"), nullable=False)


offset = Table(
    "offset",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
)

episode = Table(
    "episode",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("finding", Text, nullable=False),
    Column("detection", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("forest", Text),
    Column("unit", Text),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("cause", Text),
    Column("opened_ms", BigInteger, nullable=False),
    Column("observed_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("resolved_ms", BigInteger),
    Column("revision", Integer, nullable=False),
    Column("attention", Text, nullable=False, server_default="unattended"),
    Column("owner", Text),
    Column("accepted_until_ms", BigInteger),
    Index("ix_episode_attention", "attention", "state"),
    Index("ix_episode_owner", "owner", "state"),
    Index("ix_episode_finding", "finding", "opened_ms"),
    Index("ix_episode_state", "state", "opened_ms"),
    Index("ix_episode_opened", "opened_ms", "family"),
    Index("ix_episode_resolved", "resolved_ms"),
    Index("ix_episode_cause", "cause"),
    Index("ix_episode_facets", "state", "severity", "family", "detection", "tenant", "forest", "unit"),
)

transition = Table(
    "transition",
    METADATA,
    _episode_key(),
    Column("revision", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Index("ix_transition_episode", "episode", "revision", unique=True),
    Index("ix_transition_at", "at_ms"),
)

document = Table(
    "document",
    METADATA,
    Column("episode", BigInteger, ForeignKey("episode.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

involved = Table(
    "involved",
    METADATA,
    _episode_key(),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("role", Text),
    Index("ix_involved_episode", "episode"),
    Index("ix_involved_object", "object"),
)

# Of no episode by a key: an action may be read before the finding that it is about.
action = Table(
    "action",
    METADATA,
    Column("finding", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("episode", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("do", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_action_episode", "episode", "place"),
    Index("ix_action_place", "place"),
)

# What was told where (sinks.notify.ledger). body: a message that has not been acknowledged.
told_channel = Table(
    "told_channel",
    METADATA,
    Column("channel", Text, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("together_ms", BigInteger, nullable=False, server_default="0"),
    Column("digest_ms", BigInteger, nullable=False, server_default="0"),
    Column("serial", Integer, nullable=False, server_default="0"),
    Column("body", LargeBinary),
)

told_finding = Table(
    "told_finding",
    METADATA,
    Column("channel", Text, primary_key=True),
    Column("finding", Text, primary_key=True),
    Column("turn", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("together", Boolean, nullable=False),
    Column("severity", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("times_ms", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", LargeBinary),
)

daily = Table(
    "daily",
    METADATA,
    Column("day_ms", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Text, primary_key=True) for name in ("tenant", "forest", "unit", "detection", "severity")),
    *(Column(name, BigInteger, nullable=False) for name in ("standing", "opened", "resolved")),
)

# Of machines, for the desk; a digest is enough, as what is hashed is a random number of 256 bits.
token = Table(
    "token",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("ix_token_digest", "digest", unique=True),
)
