"""Counts and durations of views, for dashboards: what Prometheus shows beside findings. Pure."""
