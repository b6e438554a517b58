"""Tries the readers on files from a real server, without Kafka: what is recognised, what not, what it would open."""
