"""Capacity: limits that are coming nearer."""
