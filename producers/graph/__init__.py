"""Microsoft Graph as a source: delta queries of the directory, error sweeps, the tenant's state."""
