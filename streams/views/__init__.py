"""Views: what both directories say under one key. Pure: no clock, no I/O, no Kafka."""
