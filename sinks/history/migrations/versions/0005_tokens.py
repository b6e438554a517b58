"""Tokens of machines for the desk, hashed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "token",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("role", "groups")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("created_ms", "expires_ms")),
    )
    op.create_index("ix_token_digest", "token", ["digest"], unique=True)
