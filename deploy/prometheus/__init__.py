"""Prometheus' side: alert rules derived from the detections, rules about the pipeline, an example configuration."""
