"""Episodes, transitions, documents, who is involved, and what people search by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "offset",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "episode",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("finding", "detection", "family", "severity", "state")),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("forest", sa.Text),
        sa.Column("unit", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "name", "summary")),
        sa.Column("cause", sa.Text),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("opened_ms", "observed_ms", "updated_ms")),
        sa.Column("resolved_ms", sa.BigInteger),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("ix_episode_finding", "episode", ["finding", "opened_ms"])
    op.create_index("ix_episode_state", "episode", ["state", "opened_ms"])
    op.create_index("ix_episode_opened", "episode", ["opened_ms", "family"])
    op.create_index("ix_episode_resolved", "episode", ["resolved_ms"])
    op.create_index(
        "ix_episode_facets", "episode", ["state", "severity", "family", "detection", "tenant", "forest", "unit"]
    )
    op.create_table(
        "transition",
        _episode_key(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("state", "severity", "summary")),
    )
    op.create_index("ix_transition_episode", "transition", ["episode", "revision"], unique=True)
    op.create_index("ix_transition_at", "transition", ["at_ms"])
    op.create_table(
        "document",
        sa.Column("episode", sa.BigInteger, _of_an_episode(), primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "involved",
        _episode_key(),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("side", "kind", "object")),
        sa.Column("role", sa.Text),
    )
    op.create_index("ix_involved_episode", "involved", ["episode"])
    op.create_index("ix_involved_object", "involved", ["object"])
    if op.get_context().dialect.name == "postgresql":
        # https://www.postgresql.org/docs/15/pgtrgm.html: a trusted extension, the owner of a database may create it
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute(
            "CREATE TABLE names "
            "(episode bigint PRIMARY KEY REFERENCES episode (id) ON DELETE CASCADE, text text NOT NULL)"
        )
        op.execute("CREATE INDEX ix_names_text ON names USING gin (text gin_trgm_ops)")
    else:
        # https://www.sqlite.org/fts5.html: words by their beginnings; trigrams took a thousand times as long
        op.execute("CREATE VIRTUAL TABLE names USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2')")


def _episode_key() -> sa.Column[int]:
    return sa.Column("episode", sa.BigInteger, _of_an_episode(), nullable=False)


def _of_an_episode() -> sa.ForeignKey:
    return sa.ForeignKey("episode.id", ondelete="CASCADE")
