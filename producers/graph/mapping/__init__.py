"""Graph JSON -> facts, events and tenant state. Pure: no I/O, no clock."""
