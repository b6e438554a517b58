"""What became of every finding, in SQL: episodes, transitions, documents, and everyone involved, searchable."""
