"""Findings to the outside: each sink is fed by the one loop in runner.py."""
