"""Hostile records for every decoder, made of golden samples: python -m tests.fuzz --records 1000000

The law: a value, or the error that the decoder documents; nothing else, and within bounded time.
"""
