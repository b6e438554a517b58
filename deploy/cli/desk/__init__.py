"""Composes the desk: hands it detections, sources, directories and logs, which sinks do not import."""
