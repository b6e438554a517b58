"""Rows of panels; a dashboard puts them together."""
