"""The view of what the cloud writes back into AD."""
