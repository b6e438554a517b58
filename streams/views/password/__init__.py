"""Passwords: operations of the cloud put together from events, and password hash synchronisation."""
