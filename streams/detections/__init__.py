"""Detections: one file per rule, one folder per family. Adding one file (with its runbook and cases) adds it."""
