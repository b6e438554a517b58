"""What Alembic runs: the connection comes from `database._upgrade`, and its transaction is ours."""

from __future__ import annotations

from alembic import context

from sinks.history.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
