"""What was told where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "told_channel",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, kind, nullable=False, server_default="0")
            for name, kind in (("together_ms", sa.BigInteger), ("digest_ms", sa.BigInteger), ("serial", sa.Integer))
        ),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_table(
        "told_finding",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("finding", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("turn", "step")),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("open", "together")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("severity", "mark", "times_ms", "reference")),
        sa.Column("body", sa.LargeBinary),
    )
