"""Alembic's migrations of the history, run at every start."""
