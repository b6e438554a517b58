"""What stood at the end of each day, for longer than episodes are kept; consequences are found by their cause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "daily",
        sa.Column("day_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("tenant", "forest", "unit", "detection", "severity")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("standing", "opened", "resolved")),
    )
    op.create_index("ix_episode_cause", "episode", ["cause"])
