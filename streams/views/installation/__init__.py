"""The views of what synchronises: tenants, forests, servers and their runs."""
