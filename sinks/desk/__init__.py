"""The desk: findings that people see, search and look back on, as pages and as an API over the history."""
