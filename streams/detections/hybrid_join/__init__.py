"""Hybrid join: where computers stop on their way from AD to a registered device."""
