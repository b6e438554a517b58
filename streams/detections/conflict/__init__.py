"""Conflicts: two objects that want the same identity or address."""
