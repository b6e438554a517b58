"""Active Directory as a source: DirSync is the log, every entry becomes a fact about one object."""
