"""What people do with findings, and how each episode stands with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table and the columns; what the topic of actions holds is read from its beginning by itself."""
    op.create_table(
        "action",
        sa.Column("finding", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("episode", "place", "at_ms")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("who", "do")),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_action_episode", "action", ["episode", "place"])
    op.create_index("ix_action_place", "action", ["place"])
    op.add_column("episode", sa.Column("attention", sa.Text, nullable=False, server_default="unattended"))
    op.add_column("episode", sa.Column("owner", sa.Text))
    op.add_column("episode", sa.Column("accepted_until_ms", sa.BigInteger))
    op.create_index("ix_episode_attention", "episode", ["attention", "state"])
    op.create_index("ix_episode_owner", "episode", ["owner", "state"])
