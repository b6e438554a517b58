"""The desk put together: what it is told of detections, sources, directories and logs, which sinks do not know."""
