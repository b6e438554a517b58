"""Findings to where people work: one message per finding and channel, closed when it is over, never while blind."""
