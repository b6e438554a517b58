"""What both quarantines have in common.

Source: Microsoft, "Identity synchronization and duplicate attribute resiliency": a task in the service looks once an
hour for values that are free again.
"""

HEALS_WITHIN_S = 5400
"""How long a quarantine may outlive its conflict: the cycle that exports the repair, and the service's hour."""
