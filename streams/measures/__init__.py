"""Counts and durations of views, for dashboards and bulk rules: what Prometheus shows beside findings. Pure.

`counts/` and `durations/` hold one file a metric, found by `registry`; a label never names an object: kinds, stages,
reasons, ages and systems are few, and of units and servers those with the highest counts are shown.
"""
