"""Grafana dashboards as code: build.py writes dashboards/*.json from one module per dashboard."""
