"""Faust agents and what they stand on: tables, lanes, ticks, dead letters, the lease."""
