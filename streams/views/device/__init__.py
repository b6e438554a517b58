"""The views of devices: hybrid join stage by stage, and hosts of one name."""
