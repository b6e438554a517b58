"""What crosses a process boundary: records, topics, identities, errors. Imports nothing of ours."""
