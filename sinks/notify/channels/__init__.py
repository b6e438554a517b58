"""A module for each kind of channel: from a notice to what the other side understands, and over the wire."""
