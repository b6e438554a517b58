"""The views of values that must be unique: addresses first."""
